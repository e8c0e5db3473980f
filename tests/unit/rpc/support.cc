#include "tests/unit/rpc/support.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "server/schema/loader.h"

namespace storegate::rpc {
namespace {

constexpr char kProto[] = R"proto(
  syntax = "proto3";
  package library.v1;
  import "google/protobuf/timestamp.proto";
  import "storegate/v1/schema.proto";

  message Author {
    enum Rank {
      RANK_UNSPECIFIED = 0;
      GREAT = 1;
    }
    message Address { string city = 1; }
    string id = 1;
    string name = 2 [(storegate.v1.field) = { required: true max_len: 100 }];
    Rank rank = 3;
    Address address = 4;
    google.protobuf.Timestamp create_time = 5;
    string etag = 6;
  }
  message GetAuthorRequest { string id = 1; }
  message CreateAuthorRequest { Author author = 1; }
  message StreamAuthorsRequest { string page_token = 1; }
  message StreamAuthorsResponse {
    repeated Author authors = 1;
    string next_page_token = 2;
  }
  service AuthorStore {
    rpc GetAuthor(GetAuthorRequest) returns (Author);
    rpc StreamAuthors(StreamAuthorsRequest) returns (stream StreamAuthorsResponse);
    rpc CreateAuthor(CreateAuthorRequest) returns (Author);
  }

  message Note {
    string id = 1;
    string text = 2;
  }
  message GetNoteRequest { string id = 1; }
  service NoteStore { rpc GetNote(GetNoteRequest) returns (Note); }
)proto";

std::unique_ptr<const schema::Schema> Load() {
  std::string directory = testing::TempDir() + "storegate_rpc_XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) return nullptr;
  std::ofstream(directory + "/library.proto") << kProto;
  schema::LoadResult result = schema::LoadDirectory(directory);
  for (const schema::Diagnostic& diagnostic : result.diagnostics) {
    ADD_FAILURE() << diagnostic.ToString();
  }
  std::filesystem::remove_all(directory);
  return std::move(result.schema);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) bytes.append(slice.begin(), slice.end());
  return bytes;
}

}  // namespace

const schema::Schema& Library() {
  static const std::unique_ptr<const schema::Schema> schema = Load();
  if (schema == nullptr) abort();
  return *schema;
}

Options TestOptions() {
  Options options;
  options.port = 0;
  options.lead = std::chrono::milliseconds(0);
  options.drain = std::chrono::milliseconds(300);
  return options;
}

void HeldCalls::Add(service::Call call) {
  std::lock_guard lock(mutex_);
  calls_.push_back(std::move(call));
  changed_.notify_all();
}

std::vector<service::Call> HeldCalls::Take(size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return calls_.size() >= count; });
  return std::exchange(calls_, {});
}

void Echo(service::Call call) { call.done(Status(), std::move(call.request)); }

std::string AddressOf(const Server& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

std::shared_ptr<grpc::Channel> Connect(const Server& server, grpc::ChannelArguments arguments) {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(AddressOf(server), grpc::InsecureChannelCredentials(),
                                   arguments);
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

google::rpc::ErrorInfo Reply::info() const {
  google::rpc::ErrorInfo info;
  for (const auto& detail : details.details()) {
    if (detail.Is<google::rpc::ErrorInfo>()) detail.UnpackTo(&info);
  }
  return info;
}

std::string Reply::reason() const { return info().reason(); }

PendingCall::PendingCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
                         const std::vector<std::string>& messages, bool half_close,
                         grpc::ClientContext* context)
    : context_(context == nullptr ? &own_context_ : context) {
  stream_ = grpc::GenericStub(channel).PrepareCall(context_, path, &cq_);
  stream_->StartCall(nullptr);
  bool going = Step();
  for (const std::string& message : messages) {
    if (!going) return;
    stream_->Write(ToBuffer(message), nullptr);
    going = Step();
  }
  if (!going || !half_close) return;
  stream_->WritesDone(nullptr);
  Step();
}

PendingCall::~PendingCall() {
  if (!waited_) {
    Cancel();
    Wait();
  }
  cq_.Shutdown();
  void* tag;
  for (bool ok; cq_.Next(&tag, &ok);) {
  }
}

bool PendingCall::Step() {
  void* tag;
  bool ok = false;
  cq_.Next(&tag, &ok);
  return ok;
}

bool PendingCall::Read(std::string* message) {
  grpc::ByteBuffer bytes;
  stream_->Read(&bytes, nullptr);
  if (!Step()) return false;
  *message = ToString(bytes);
  return true;
}

Reply PendingCall::Wait() {
  waited_ = true;
  Reply reply;
  for (std::string message; Read(&message);) reply.messages.push_back(std::move(message));
  stream_->Finish(&reply.status, nullptr);
  Step();
  reply.details.ParseFromString(reply.status.error_details());
  return reply;
}

Reply Invoke(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
             const std::vector<std::string>& messages, grpc::ClientContext* context) {
  return PendingCall(channel, path, messages, true, context).Wait();
}

void Begin(const std::shared_ptr<grpc::Channel>& channel, size_t count,
           std::deque<PendingCall>* pending) {
  for (size_t i = 0; i < count; ++i) {
    pending->emplace_back(channel, kGetAuthor, std::vector<std::string>{"x"});
  }
}

int OpenDescriptors() {
  namespace fs = std::filesystem;
  return static_cast<int>(std::distance(fs::directory_iterator("/proc/self/fd"), {})) - 1;
}

}  // namespace storegate::rpc

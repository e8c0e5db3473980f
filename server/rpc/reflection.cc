#include "server/rpc/reflection.h"

#include <grpcpp/grpcpp.h>

#include <string>

#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "server/base/text.h"
#include "server/rpc/open_streams.h"
#include "server/rpc/reflection_index.h"
#include "server/rpc/status.h"

namespace storegate::rpc {
namespace {

struct V1 {
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
};
struct V1Alpha {
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;
};

template <typename Response>
void SetError(Code code, const std::string& message, Response* response) {
  response->mutable_error_response()->set_error_code(static_cast<int>(code));
  response->mutable_error_response()->set_error_message(message);
}

// `what` names what was asked for when there is no file.
template <typename Response>
void SetFile(const ReflectionIndex::File* file, const std::string& what, Response* response) {
  if (file == nullptr) return SetError(Code::kNotFound, "no " + what, response);
  auto* files = response->mutable_file_descriptor_response();
  for (const ReflectionIndex::File* each : file->closure) {
    files->add_file_descriptor_proto(each->bytes);
  }
}

template <typename Request, typename Response>
void Answer(const ReflectionIndex& index, const Request& request, Response* response) {
  response->Clear();
  response->set_valid_host(request.host());
  *response->mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kListServices:
      for (const std::string& name : index.services()) {
        response->mutable_list_services_response()->add_service()->set_name(name);
      }
      return;
    case Request::kFileByFilename:
      return SetFile(index.FindFile(request.file_by_filename()),
                     "file " + Quoted(request.file_by_filename()), response);
    case Request::kFileContainingSymbol:
      return SetFile(index.FindSymbol(request.file_containing_symbol()),
                     "symbol " + Quoted(request.file_containing_symbol()), response);
    case Request::kFileContainingExtension: {
      const auto& extension = request.file_containing_extension();
      return SetFile(
          index.FindExtension(extension.containing_type(), extension.extension_number()),
          "extension " + std::to_string(extension.extension_number()) + " of " +
              Quoted(extension.containing_type()),
          response);
    }
    case Request::kAllExtensionNumbersOfType: {
      const std::string& type = request.all_extension_numbers_of_type();
      const std::vector<int>* numbers = index.FindExtensionNumbers(type);
      if (numbers == nullptr) {
        return SetError(Code::kNotFound, "no message " + Quoted(type), response);
      }
      auto* all = response->mutable_all_extension_numbers_response();
      all->set_base_type_name(type);
      for (int number : *numbers) all->add_extension_number(number);
      return;
    }
    case Request::MESSAGE_REQUEST_NOT_SET:
      break;
  }
  SetError(Code::kInvalidArgument, "the request asks for nothing that this server knows", response);
}

// Reads a request, writes its answer, reads the next.
template <typename Api>
class Stream : public Talk, public OpenStreams::Stream {
 public:
  Stream(const ReflectionIndex& index, OpenStreams* streams, Line* line)
      : index_(index), streams_(streams), line_(line) {
    if (!streams_->Add(this)) End();
  }

  void OnMessage(std::string_view bytes) override {
    typename Api::Request request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return line_->Finish(ToGrpc(Status(Code::kInvalidArgument, "MALFORMED_REQUEST",
                                         "no ServerReflectionRequest was sent")));
    }
    typename Api::Response response;
    Answer(index_, request, &response);
    line_->Write(response.SerializeAsString());
  }
  void OnSent() override { line_->Read(); }
  void OnEnd() override { line_->Finish(grpc::Status::OK); }
  void OnGone() override { streams_->Remove(this); }
  void End() override {
    line_->Finish(
        ToGrpc(Status(Code::kUnavailable, "SHUTTING_DOWN", "the server is shutting down")));
  }

 private:
  const ReflectionIndex& index_;
  OpenStreams* const streams_;
  Line* const line_;
};

}  // namespace

class Reflection::Impl {
 public:
  Impl(const schema::Schema& schema, bool testing) : index(schema, testing) {}

  const ReflectionIndex index;
  OpenStreams streams;
};

Reflection::Reflection(const schema::Schema& schema, bool testing)
    : impl_(new Impl(schema, testing)) {}
Reflection::~Reflection() = default;
std::unique_ptr<Talk> Reflection::Open(std::string_view path, Line* line) {
  if (path == "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo") {
    return std::make_unique<Stream<V1>>(impl_->index, &impl_->streams, line);
  }
  if (path == "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo") {
    return std::make_unique<Stream<V1Alpha>>(impl_->index, &impl_->streams, line);
  }
  return nullptr;
}
void Reflection::Close() { impl_->streams.Close(); }

}  // namespace storegate::rpc

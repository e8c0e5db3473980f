#include "server/rpc/reflection.h"

#include <grpcpp/grpcpp.h>

#include <mutex>
#include <string>

#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "server/base/text.h"
#include "server/rpc/open_streams.h"
#include "server/rpc/reflection_index.h"
#include "server/rpc/status.h"

namespace storegate::rpc {
namespace {

struct V1 {
  using Service = grpc::reflection::v1::ServerReflection::CallbackService;
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
};
struct V1Alpha {
  using Service = grpc::reflection::v1alpha::ServerReflection::CallbackService;
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
class Stream : public grpc::ServerBidiReactor<typename Api::Request, typename Api::Response>,
               public OpenStreams::Stream {
 public:
  Stream(const ReflectionIndex& index, OpenStreams* streams) : index_(index), streams_(streams) {
    const bool open = streams_->Add(this);
    std::lock_guard lock(mutex_);
    if (finished_) return;
    if (open) {
      this->StartRead(&request_);
    } else {
      FinishOnce(Ending());
    }
  }

  void OnReadDone(bool ok) override {
    std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!ok) return FinishOnce(grpc::Status::OK);
    Answer(index_, request_, &response_);
    writing_ = true;
    this->StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    writing_ = false;
    // What was sent may be large; the stream may stay idle.
    request_ = {};
    response_ = {};
    if (!ok) return FinishOnce(grpc::Status::CANCELLED);
    if (ending_) return FinishOnce(Ending());
    this->StartRead(&request_);
  }
  void OnDone() override {
    streams_->Remove(this);
    delete this;
  }
  void End() override {
    std::lock_guard lock(mutex_);
    ending_ = true;
    if (!writing_) FinishOnce(Ending());
  }

 private:
  static grpc::Status Ending() {
    return ToGrpc(Status(Code::kUnavailable, "SHUTTING_DOWN", "the server is shutting down"));
  }
  void FinishOnce(const grpc::Status& status) {
    if (finished_) return;
    finished_ = true;
    this->Finish(status);
  }

  const ReflectionIndex& index_;
  OpenStreams* const streams_;

  std::mutex mutex_;
  typename Api::Request request_;
  typename Api::Response response_;
  bool writing_ = false;
  bool ending_ = false;
  bool finished_ = false;
};

template <typename Api>
class Service : public Api::Service {
 public:
  Service(const ReflectionIndex& index, OpenStreams* streams) : index_(index), streams_(streams) {}

  grpc::ServerBidiReactor<typename Api::Request, typename Api::Response>* ServerReflectionInfo(
      grpc::CallbackServerContext* context) override {
    return new Stream<Api>(index_, streams_);
  }

 private:
  const ReflectionIndex& index_;
  OpenStreams* const streams_;
};

}  // namespace

class Reflection::Impl {
 public:
  explicit Impl(const schema::Schema& schema) : index(schema) {}

  const ReflectionIndex index;
  OpenStreams streams;
  Service<V1> v1{index, &streams};
  Service<V1Alpha> v1_alpha{index, &streams};
};

Reflection::Reflection(const schema::Schema& schema) : impl_(new Impl(schema)) {}
Reflection::~Reflection() = default;
std::vector<grpc::Service*> Reflection::services() { return {&impl_->v1, &impl_->v1_alpha}; }
void Reflection::Close() { impl_->streams.Close(); }

}  // namespace storegate::rpc

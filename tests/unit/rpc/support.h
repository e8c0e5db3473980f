// A server in process over a small schema, and a client that can do what
// generated ones cannot: any path, any number of messages, any bytes.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/server.h"
#include "server/schema/schema.h"

namespace storegate::rpc {

inline constexpr char kGetAuthor[] = "/library.v1.AuthorStore/GetAuthor";
inline constexpr char kCreateAuthor[] = "/library.v1.AuthorStore/CreateAuthor";
inline constexpr char kStreamAuthors[] = "/library.v1.AuthorStore/StreamAuthors";

// The schema of all tests here, with the stores library.v1.AuthorStore and
// library.v1.NoteStore. Loaded once.
const schema::Schema& Library();

// Ports, limits and times for tests: any free port, no lead, a short drain.
Options TestOptions();

// A handler that keeps the calls it gets, for the test to answer.
class HeldCalls {
 public:
  Server::Handler handler() {
    return [this](service::Call call) { Add(std::move(call)); };
  }
  // Waits until there are `count`, and takes all.
  std::vector<service::Call> Take(size_t count);

 private:
  void Add(service::Call call);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<service::Call> calls_;
};

// Answers each call at once with its own request.
void Echo(service::Call call);

std::string AddressOf(const Server& server);
// A connection of its own, not shared with other channels of the process.
std::shared_ptr<grpc::Channel> Connect(const Server& server, grpc::ChannelArguments arguments = {});

grpc::ByteBuffer ToBuffer(const std::string& bytes);

struct Reply {
  grpc::Status status;
  std::vector<std::string> messages;
  google::rpc::Status details;  // of the error; empty when it has none

  // ErrorInfo.reason; empty when there is none.
  std::string reason() const;
  google::rpc::ErrorInfo info() const;
};

// One call with any number of request messages, half-closed after the last.
// `context` may carry a deadline; null: none.
Reply Invoke(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
             const std::vector<std::string>& messages, grpc::ClientContext* context = nullptr);

// A call that has begun and waits for its answer.
class PendingCall {
 public:
  // Writes `messages`, and half-closes when `half_close`.
  PendingCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
              const std::vector<std::string>& messages, bool half_close = true,
              grpc::ClientContext* context = nullptr);
  ~PendingCall();

  void Cancel() { context_->TryCancel(); }
  // The next message; false at the end.
  bool Read(std::string* message);
  Reply Wait();

 private:
  bool Step();

  grpc::ClientContext own_context_;
  grpc::ClientContext* context_;
  grpc::CompletionQueue cq_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool waited_ = false;
};

// Begins `count` calls to GetAuthor more.
void Begin(const std::shared_ptr<grpc::Channel>& channel, size_t count,
           std::deque<PendingCall>* pending);

// The descriptors of this process that are open now.
int OpenDescriptors();

}  // namespace storegate::rpc

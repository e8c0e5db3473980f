// Talk: one call of a service that the edge serves itself (health, reflection), of
// any number of messages both ways. They travel on the queues of all other calls:
// a queue of their own would be one more thread that gRPC lets poll for the others,
// and each call would wake two (measured: 1.2 futex system calls a call, not 0.2).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <grpcpp/grpcpp.h>

namespace storegate::rpc {

// What a talk can do. Any thread, until the talk's OnGone has returned.
class Line {
 public:
  // Asks for the next message: one OnMessage or OnEnd follows.
  virtual void Read() = 0;
  // Sends a message; OnSent follows. Of those that are given while one is on its way
  // only the last is sent.
  virtual void Write(std::string message) = 0;
  // Metadata of the answer. Head: before the first message, and without effect later.
  // Trail: before Finish. `value` is printable ASCII.
  virtual void Head(const std::string& key, const std::string& value) = 0;
  virtual void Trail(const std::string& key, const std::string& value) = 0;
  // Ends the call, after what is on its way. The first one counts.
  virtual void Finish(const grpc::Status& status) = 0;

 protected:
  ~Line() = default;
};

// Called on the call's queue, one at a time; never blocks.
class Talk {
 public:
  virtual ~Talk() = default;

  virtual void OnMessage(std::string_view bytes) = 0;
  // The client has no more to say.
  virtual void OnEnd() = 0;
  virtual void OnSent() {}
  // The call is over. The last thing that is called.
  virtual void OnGone() = 0;
};

// A service's methods by path. Any thread.
class TalkService {
 public:
  virtual ~TalkService() = default;
  // Null: not one of its methods. `line` outlives the talk.
  virtual std::unique_ptr<Talk> Open(std::string_view path, Line* line) = 0;
};

}  // namespace storegate::rpc

// Writer: what a call of several messages answers with: one message is on its way at a
// time, and the end comes after it. Outlives its call for who still holds it: once the
// end is on its way it does not touch the call any more. Any thread.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace storegate::rpc {

class Writer {
 public:
  using Stream = grpc::GenericServerAsyncReaderWriter;

  // `stream` lives until the event of the end. Each message is followed by an event with
  // `written`, for OnWritten; the end by one with `finished`.
  Writer(Stream* stream, void* written, void* finished)
      : stream_(stream), written_(written), finished_(finished) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Sends it. `sent` is called once, by OnWritten, with whether the next may follow; with
  // false at once where the end was asked for. REQUIRES: none is on its way.
  void Send(std::string message, std::function<void(bool)> sent);
  // Sends it after what is on its way; of those that are given meanwhile only the last.
  void SendLatest(std::string message);
  // Runs `change`, once, before the first message and the end.
  template <typename Change>
  void BeforeFirst(const Change& change) {
    std::lock_guard lock(mutex_);
    if (!ended_ && !std::exchange(headed_, true)) change();
  }
  // Runs `change` unless the end was asked for.
  template <typename Change>
  void BeforeEnd(const Change& change) {
    std::lock_guard lock(mutex_);
    if (!ended_ && !end_) change();
  }
  // Ends it after what is on its way. The first one counts.
  void Finish(const grpc::Status& status);

  // The event: true when the message was taken and nothing comes after it by itself.
  bool OnWritten(bool ok);

 private:
  // Both REQUIRE: mutex_ is held.
  void Start(std::string message);
  void End(const grpc::Status& status);

  Stream* const stream_;
  void* const written_;
  void* const finished_;

  std::mutex mutex_;
  // Guarded by mutex_:
  bool headed_ = false;   // what comes before the first message is on its way
  bool writing_ = false;  // one is
  bool ended_ = false;    // the end is, or was
  std::function<void(bool)> sent_;
  std::optional<std::string> next_;
  std::optional<grpc::Status> end_;  // waits for the message
};

}  // namespace storegate::rpc

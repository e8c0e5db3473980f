// The streams of health and reflection that are open, so that Stop can end them.
#pragma once

#include <mutex>
#include <unordered_set>

namespace storegate::rpc {

// Any thread.
class OpenStreams {
 public:
  class Stream {
   public:
    // Ends it soon, with UNAVAILABLE. Called once, while it is in the set.
    virtual void End() = 0;

   protected:
    ~Stream() = default;
  };

  // False after Close: the stream is to be ended by who opens it.
  bool Add(Stream* stream) {
    std::lock_guard lock(mutex_);
    return !closed_ && streams_.insert(stream).second;
  }
  // It is not an error if it is not in the set. Waits for its End.
  void Remove(Stream* stream) {
    std::lock_guard lock(mutex_);
    streams_.erase(stream);
  }
  void Close() {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    for (Stream* stream : streams_) stream->End();
  }

 private:
  std::mutex mutex_;
  bool closed_ = false;
  std::unordered_set<Stream*> streams_;
};

}  // namespace storegate::rpc

// WatchedSession: a session as the executor uses it. Tells the breaker
// whether the database answers, refuses calls once the connection is lost, and
// logs slow ones. Used by one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "server/repository/breaker.h"
#include "server/repository/forwarding.h"

namespace storegate::repository {

class WatchedSession : public ForwardingSession {
 public:
  // Puts a new session into *session; what Backend::Connect says. One that is there
  // still serves, and is kept where no other can be had; where there is none, the
  // breaker is told of a failure.
  static Status Connect(Backend* backend, Backend::Use use, Breaker* breaker,
                        std::chrono::milliseconds slow_query,
                        std::unique_ptr<WatchedSession>* session);

  // `breaker` outlives the session, which is of its `generation`.
  WatchedSession(std::unique_ptr<Session> to, Breaker* breaker, uint64_t generation,
                 std::chrono::milliseconds slow_query);

  Status Get(const GetRequest& request, WireSink* sink, std::vector<Found>* found) override;
  Status StartGet(const GetRequest& request) override;
  std::optional<Status> FinishGet(Deadline until, WireSink* sink,
                                  std::vector<Found>* found) override;
  Status List(const Query& query, Sink* sink) override;
  Result<int64_t> Count(const Query& query) override;
  Status Aggregate(const AggregateQuery& query, Sink* sink) override;
  Status Native(const NativeQuery& query, Sink* sink) override;
  Status Apply(std::span<Write* const> writes) override;

  // What the slow log calls the calls from here on; lives as long as they do.
  void set_what(std::string_view what) { what_ = what; }

  // The connection may be used for another task. Asks Fresh.
  bool usable() {
    return !lost_ && breaker_->generation() == generation_ && to().Fresh();
  }
  // A call got no answer: UNAVAILABLE, or UNKNOWN.
  bool lost() const { return lost_; }

 private:
  template <typename Call>
  auto Watch(const schema::Entity* entity, size_t size, const Call& call)
      -> decltype(call());
  void Note(const Status& status);
  void LogIfSlow(const schema::Entity* entity, size_t size,
                 std::chrono::steady_clock::time_point start) const;

  Breaker* const breaker_;
  const uint64_t generation_;
  const std::chrono::milliseconds slow_query_;
  std::string_view what_;
  bool lost_ = false;
  // Of the Get that was started last.
  const GetRequest* started_ = nullptr;
  std::chrono::steady_clock::time_point started_at_;
};

}  // namespace storegate::repository

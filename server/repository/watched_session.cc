#include "server/repository/watched_session.h"

#include "server/base/log.h"
#include "server/repository/task.h"

namespace storegate::repository {
namespace {

const Status& StatusOf(const Status& status) { return status; }
template <typename T>
const Status& StatusOf(const Result<T>& result) {
  return result.status();
}

}  // namespace

Status WatchedSession::Connect(Backend* backend, Backend::Use use, Breaker* breaker,
                               std::chrono::milliseconds slow_query,
                               std::unique_ptr<WatchedSession>* session) {
  const uint64_t generation = breaker->generation();
  Result<std::unique_ptr<Session>> connected = backend->Connect(use);
  if (connected.ok()) {
    *session = std::make_unique<WatchedSession>(*std::move(connected), breaker, generation,
                                                slow_query);
  } else if (*session == nullptr) {
    breaker->Refused(generation, connected.status());
  }
  return connected.status();
}

WatchedSession::WatchedSession(std::unique_ptr<Session> to, Breaker* breaker, uint64_t generation,
                               std::chrono::milliseconds slow_query)
    : ForwardingSession(std::move(to)),
      breaker_(breaker),
      generation_(generation),
      slow_query_(slow_query) {}

// `size` is how many keys, queries or writes the call is about.
template <typename Call>
auto WatchedSession::Watch(const schema::Entity* entity, size_t size, const Call& call)
    -> decltype(call()) {
  // A driver may take its whole timeout to say again that nobody is there.
  if (lost_) return DatabaseUnavailable();
  const auto start = std::chrono::steady_clock::now();
  auto result = call();
  Note(StatusOf(result));
  LogIfSlow(entity, size, start);
  return result;
}

void WatchedSession::LogIfSlow(const schema::Entity* entity, size_t size,
                               std::chrono::steady_clock::time_point start) const {
  const auto elapsed = std::chrono::steady_clock::now() - start;
  if (elapsed < slow_query_) return;
  Log(Level::kWarn, "slow statement",
      {{"entity", entity == nullptr ? std::string_view() : std::string_view(entity->full_name)},
       {"what", what_},
       {"ms", static_cast<int64_t>(
                  std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count())},
       {"tasks", size}});
}

void WatchedSession::Note(const Status& status) {
  switch (status.code()) {
    case Code::kUnavailable:
      lost_ = true;
      breaker_->Lost(generation_, status);
      return;
    case Code::kUnknown:
      // The connection went away in the middle of a commit. The next one to
      // connect finds out about the database.
      lost_ = true;
      return;
    default: breaker_->Answered();
  }
}

Status WatchedSession::Get(const GetRequest& request, WireSink* sink, std::vector<Found>* found) {
  return Watch(request.entity, request.values.size(),
               [&] { return to().Get(request, sink, found); });
}

Status WatchedSession::StartGet(const GetRequest& request) {
  if (lost_) return DatabaseUnavailable();
  started_ = &request;
  started_at_ = std::chrono::steady_clock::now();
  Status status = to().StartGet(request);
  if (!status.ok()) Note(status);
  return status;
}

std::optional<Status> WatchedSession::FinishGet(Deadline until, WireSink* sink,
                                                std::vector<Found>* found) {
  std::optional<Status> status = to().FinishGet(until, sink, found);
  if (!status) return status;
  Note(*status);
  LogIfSlow(started_->entity, started_->values.size(), started_at_);
  return status;
}

Status WatchedSession::List(const Query& query, Sink* sink) {
  return Watch(query.entity, 1, [&] { return to().List(query, sink); });
}

Result<int64_t> WatchedSession::Count(const Query& query) {
  return Watch(query.entity, 1, [&] { return to().Count(query); });
}

Status WatchedSession::Aggregate(const AggregateQuery& query, Sink* sink) {
  return Watch(query.entity, 1, [&] { return to().Aggregate(query, sink); });
}

Status WatchedSession::Native(const NativeQuery& query, Sink* sink) {
  return Watch(query.entity, 1, [&] { return to().Native(query, sink); });
}

Status WatchedSession::Apply(std::span<Write* const> writes) {
  const schema::Entity* entity = nullptr;
  if (!writes.empty() && !writes[0]->mutations.empty()) entity = writes[0]->mutations[0].entity;
  return Watch(entity, writes.size(), [&] { return to().Apply(writes); });
}

}  // namespace storegate::repository

// Service: what each operation of a store means. Takes the bytes of a request,
// answers with the bytes of a response or a Status. No gRPC type and no SQL.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/query/page_token.h"
#include "server/repository/executor.h"
#include "server/schema/schema.h"

namespace storegate::service {

struct Options {
  size_t max_record_bytes = 1 << 20;        // 1 MiB, as stored
  size_t max_batch = 1000;
  size_t max_page_size = 1000;
  size_t max_page_bytes = 3584 * 1024;      // 3.5 MiB; a page ends before it
  // A message of a stream ends when it has more than this, a row at most included.
  size_t stream_step_bytes = 1 << 20;
  // A list, an aggregate, a native query or a message of a stream is given up after this,
  // whatever the call's own deadline: it bounds the records that a query looks at.
  std::chrono::milliseconds query_time{30000};
  size_t max_stream_calls = 1000;           // at a time; each may hold one message
  size_t max_nesting = 64;                  // messages within messages, Structs too
  // Requests larger than this are parsed and checked off the edge's threads.
  size_t large_request_bytes = 64 * 1024;
  int compute_threads = 1;
  size_t compute_queue_max = 256;
  int password_threads = 1;
  size_t password_queue_max = 128;
  // Memory and passes of argon2id; tests lower them.
  size_t password_memory_bytes = 19 * 1024 * 1024;
  unsigned password_passes = 2;
  // Lists, streams and aggregates for which a database reads each record, as no index serves
  // their conditions or their order: answered, and each shape logged once, or refused with
  // FAILED_PRECONDITION, reason UNINDEXED_QUERY.
  enum class Unindexed { kAllow, kRefuse };
  Unindexed unindexed_queries = Unindexed::kAllow;
};

// While one of these lives on a thread, what that thread hands to a Service is
// gathered and reaches the executors once, at its end. For who drains a queue of
// calls: one a batch. Not across threads.
class Batch {
 public:
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

 private:
  repository::Executor::Gather gather_;
};

// One call. `done` is called exactly once, from any thread, also after the
// deadline; `response` is the response message's bytes, empty when not OK.
struct Call {
  const schema::Method* method = nullptr;
  std::string request;
  Deadline deadline;
  // True once nobody waits for the answer any more. Null, or lives as long as `done`.
  const std::atomic<bool>* settled = nullptr;
  // Create and BatchCreate keep create_time, update_time and delete_time of the
  // records where they are given. For `storegate seed`, never for remote callers.
  bool keep_times = false;
  // Takes one message of the answer of a method that streams; null for others. Never
  // blocks; called from any thread, one message at a time. `sent` is called once, from
  // any thread, also before `send` returns, while the service lives: true when the next
  // may follow, false when nobody takes any more. `done` ends the stream after the last
  // `sent`, with no response.
  std::function<void(std::string message, std::function<void(bool)> sent)> send;
  std::function<void(const Status&, std::string response)> done;
};

class Service {
 public:
  // Where each entity lives. Executors outlive the service.
  using Routes = std::map<const schema::Entity*, repository::Executor*>;

  // `schema` outlives the service. REQUIRES: a route for every entity that a
  // store serves or a field refers to.
  Service(const schema::Schema& schema, Routes routes, query::TokenSealer sealer, Options options);
  // Waits for its own threads; stop the executors first.
  ~Service();

  // Never blocks. Any thread. Statuses: those of design's contracts, each with a
  // reason; INVALID_ARGUMENT lists every violation, in order of the fields, with
  // paths from the request ("book.title", "requests[3].book.pages").
  void Handle(Call call);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::service

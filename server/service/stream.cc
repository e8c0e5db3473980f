// Stream: all that a List would page through, a step at a time. A step is a keyset page
// of about stream_step_bytes, read by a task of its own in the scan lane; its session is
// given back, the page is sent, and the next step begins when the caller has taken it. So
// a slow reader holds one message and nothing else, and what a List guarantees of its
// pages holds for the stream.
//
// Each message has the token that goes on behind it, the last one none. A stream of no
// rows is that last message alone.
#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include "server/base/wire.h"
#include "server/service/context.h"
#include "server/service/listing.h"
#include "server/service/paging.h"
#include "server/service/reasons.h"

namespace storegate::service {
namespace {

// Rows of a step at most. How large they are shows only as they come: a step asks for as
// many as would have filled the one before, for no more than that are read from the
// database to be thrown away. Powers of two, since PostgreSQL prepares a statement for
// each number. The first step is a small one: its message comes soon.
constexpr size_t kFirstRows = 128;
constexpr size_t kMaxRows = 8192;

constexpr std::chrono::milliseconds kTooManyDelay{1000};

// One of the streams that are open.
class Seat {
 public:
  explicit Seat(std::shared_ptr<std::atomic<size_t>> open) : open_(std::move(open)) {
    taken_ = open_->fetch_add(1, std::memory_order_relaxed);
  }
  ~Seat() { open_->fetch_sub(1, std::memory_order_relaxed); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // How many there were before.
  size_t taken() const { return taken_; }

 private:
  const std::shared_ptr<std::atomic<size_t>> open_;
  size_t taken_;
};

// Used by one thread at a time: who has the session, who sends, who is told that the
// message was taken, each after the other. Nothing is called on the way back from what
// it calls, so the stack is as deep at the last page as at the first.
class Streaming : public std::enable_shared_from_this<Streaming> {
 public:
  explicit Streaming(CallPtr call) : call_(std::move(call)), seat_(call_->context->streams) {}

  void Begin();

 private:
  const Options& options() const { return call_->context->options; }
  void Step();
  // With a session, which is given back when this returns.
  void Read(repository::Session* session);
  void Send(Page* page);
  void OnSent(bool taken);

  const CallPtr call_;
  const Seat seat_;
  ListQuery list_;       // behind the last row that was read
  size_t rows_ = kFirstRows;
  bool more_ = false;    // rows follow the last one that was read
};

void Streaming::Begin() {
  const size_t limit = options().max_stream_calls;
  if (seat_.taken() >= limit) {
    Status status(Code::kResourceExhausted, reason::kTooManyStreams,
                  std::to_string(limit) + " streams are open, as many as may be");
    status.With("limit", std::to_string(limit));
    return call_->Fail(status.WithRetryDelay(kTooManyDelay));
  }
  if (Status status = call_->Parse(/*write=*/false); !status.ok()) return call_->Fail(status);
  if (Status status = ReadListQuery(*call_, &list_); !status.ok()) return call_->Fail(status);
  Step();
}

void Streaming::Step() {
  repository::SessionTask task;
  task.lane = repository::Lane::kScan;
  task.what = call_->entity().full_name + " stream";
  task.deadline = QueryDeadline(*call_);
  task.method = call_->call.method;
  task.settled = call_->call.settled;
  list_.query.deadline = task.deadline;
  task.run = [self = shared_from_this()](const Status& status, repository::Session* session) {
    if (!status.ok()) return self->call_->Fail(status);
    self->Read(session);
  };
  call_->executor().Submit(std::move(task));
}

void Streaming::Read(repository::Session* session) {
  Result<Page> read = ReadPage(*call_, &list_, static_cast<int64_t>(rows_),
                               options().stream_step_bytes, session);
  if (!read.ok()) return call_->Fail(QueryStatus(*call_, list_.query.deadline, read.status()));
  // What is filled into rows takes more than they do.
  const size_t max_rows = list_.selection.parts().empty() ? kMaxRows : kFirstRows;
  rows_ = std::clamp<size_t>(std::bit_floor(options().stream_step_bytes / read->row_bytes), 1,
                             max_rows);
  auto page = std::make_shared<Page>(*std::move(read));
  FillPage(call_, list_.selection, options().max_page_bytes, page,
           [self = shared_from_this(), page](const Status& status) {
             status.ok() ? self->Send(page.get()) : self->call_->Fail(status);
           });
}

void Streaming::Send(Page* page) {
  const schema::Method& method = call_->method();
  more_ = page->more;
  if (more_) list_.query.after = page->last;
  if (more_ && method.next_page_token != nullptr) {
    wire::AppendBytes(method.next_page_token->number(),
                      call_->context->sealer.Seal(list_.fingerprint, list_.query.after),
                      &page->rows);
  }
  call_->call.send(std::move(page->rows), [self = shared_from_this()](bool taken) {
    self->OnSent(taken);
  });
}

void Streaming::OnSent(bool taken) {
  if (!taken) {
    return call_->Fail(Status(Code::kCancelled, reason::kStreamAbandoned,
                              "nobody takes the stream's messages any more"));
  }
  if (more_) return Step();
  call_->Succeed({});
}

}  // namespace

void Stream(const CallPtr& call) { std::make_shared<Streaming>(call)->Begin(); }

}  // namespace storegate::service

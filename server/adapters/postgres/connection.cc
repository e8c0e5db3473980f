#include "server/adapters/postgres/connection.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <random>

#include <poll.h>
#include <sys/socket.h>

#include "server/adapters/postgres/errors.h"

namespace storegate::postgres {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Rows of a stream that is ended early are passed over up to so many. Of more it
// is cheaper to make a new connection.
constexpr int kPassedOverMax = 256;

// One that could not be replaced is tried again after this time.
constexpr std::chrono::seconds kAskAgain{10};

int PollMillis(Deadline until) {
  if (until == Deadline::max()) return -1;
  const auto left = duration_cast<milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left + 1, 0, 1 << 30));
}

// How much later than the deadline the database may end a statement, in ms. Less than
// `grace`: a connection whose statement it ends is not given up.
constexpr int64_t kLateMax = 1000;

// Time left, in ms; 0: without end.
int64_t LeftUntil(Deadline deadline) {
  if (deadline == Deadline::max()) return 0;
  const auto left = duration_cast<milliseconds>(deadline - steady_clock::now()).count();
  return std::clamp<int64_t>(left, 1, 1 << 30);
}

// Deadlines differ from call to call; what is sent is rounded up, so that it rarely
// changes.
int64_t Rounded(int64_t left) {
  const int64_t step = left <= 2000 ? 250 : kLateMax;
  return (left + step - 1) / step * step;
}

// "s" and the number.
struct Name {
  explicit Name(int64_t number) {
    text[0] = 's';
    *std::to_chars(text + 1, text + sizeof text - 1, number).ptr = '\0';
  }
  char text[24];
};

}  // namespace

void Connection::Check(int ok) {
  if (ok != 1) lost_ = true;
}

void Connection::Begin(Deadline deadline) {
  deadline_ = deadline;
  failure_.reset();
  sent_ = false;
  // A transaction that failed takes nothing but its end.
  if (PQtransactionStatus(handle_.get()) == PQTRANS_INERROR) return;
  if (forget_) {
    forget_ = false;
    SendText("DEALLOCATE ALL", {});
    Sync();
  }
  SendTimeout();
}

void Connection::SendTimeout() {
  const int64_t left = LeftUntil(deadline_);
  if (timeout_ms_ == left || (left > 0 && timeout_ms_ >= left && timeout_ms_ <= left + kLateMax)) {
    return;
  }
  const int64_t wanted = Rounded(left);
  const std::string value[] = {std::to_string(wanted)};
  if (options_.transaction_pooler) {
    // Of this transaction alone: the next one may be on another connection.
    SendText("SELECT set_config('statement_timeout', $1, true)", value);
    return;
  }
  SendText("SELECT set_config('statement_timeout', $1, false)", value);
  // Apart, so that it stays when what follows is taken back.
  Sync();
  timeout_ms_ = wanted;
}

// Without a prepared statement.
void Connection::SendText(const std::string& text, std::span<const std::string> values) {
  if (lost_) return;
  values_.clear();
  for (const std::string& value : values) values_.push_back(value.c_str());
  Check(PQsendQueryParams(handle_.get(), text.c_str(), static_cast<int>(values.size()), nullptr,
                          values_.data(), nullptr, nullptr, 1));
  expected_.push_back({Expected::kBracket});
}

int64_t Connection::Prepare(const Sql& sql) {
  if (sql.kept == nullptr) return PrepareText(sql.text, sql.text_types);
  const auto found = kept_.find(sql.kept);
  if (found != kept_.end()) return found->second;
  const int64_t number = PrepareText(*sql.kept);
  kept_.emplace(sql.kept, number);
  return number;
}

int64_t Connection::PrepareText(const std::string& text, std::span<const uint32_t> types) {
  const auto found = prepared_.find(std::string_view(text));
  if (found != prepared_.end()) return found->second;
  if (prepared_.size() >= std::max<size_t>(options_.statement_cache, 1)) {
    SendText("DEALLOCATE ALL", {});
    prepared_.clear();
    kept_.clear();
  }
  const int64_t number = ++prepared_ever_;
  Check(PQsendPrepare(handle_.get(), Name(number).text, text.c_str(),
                      static_cast<int>(types.size()), types.data()));
  expected_.push_back({Expected::kPrepare, number});
  prepared_.emplace(text, number);
  return number;
}

void Connection::Forget(int64_t prepared) {
  std::erase_if(prepared_, [&](const auto& entry) { return entry.second == prepared; });
  std::erase_if(kept_, [&](const auto& entry) { return entry.second == prepared; });
}

void Connection::Send(const Sql& sql, bool stream) {
  if (lost_) return;
  ++statements_;
  const int count = static_cast<int>(sql.places.size());
  values_.clear();
  lengths_.clear();
  for (const Place& place : sql.places) {
    values_.push_back(place.length < 0 ? nullptr : sql.bytes.data() + place.begin);
    lengths_.push_back(std::max(place.length, 0));
  }
  if (formats_.size() < sql.places.size()) formats_.resize(sql.places.size(), 1);
  const bool texts = !sql.text_types.empty();
  const int* const formats = texts ? nullptr : formats_.data();
  if (options_.transaction_pooler) {
    Check(PQsendQueryParams(handle_.get(), sql.statement().c_str(), count,
                            texts ? sql.text_types.data() : nullptr, values_.data(),
                            lengths_.data(), formats, 1));
  } else {
    // values_ is used again only in SendText, and Prepare may call that.
    std::vector<const char*> values = std::move(values_);
    const Name name(Prepare(sql));
    Check(PQsendQueryPrepared(handle_.get(), name.text, count, values.data(), lengths_.data(),
                              formats, 1));
    values_ = std::move(values);
  }
  expected_.push_back({stream ? Expected::kStream : Expected::kStatement});
}

void Connection::SendBracket(std::string_view text) {
  if (lost_) return;
  if (options_.transaction_pooler) return SendText(std::string(text), {});
  const Name name(PrepareText(std::string(text)));
  Check(PQsendQueryPrepared(handle_.get(), name.text, 0, nullptr, nullptr, nullptr, 1));
  expected_.push_back({Expected::kBracket});
}

void Connection::Sync() {
  if (lost_) return;
  Check(PQpipelineSync(handle_.get()));
  expected_.push_back({Expected::kSync});
}

bool Connection::Flush() {
  if (lost_) return false;
  const int rest = PQflush(handle_.get());
  if (rest < 0) lost_ = true;
  if (rest == 0) sent_ = true;
  return !lost_;
}

bool Connection::Wait(Deadline until) {
  while (true) {
    const int rest = PQflush(handle_.get());
    if (rest < 0) {
      // What the database said before it went away may still be there to be read.
      if (PQconsumeInput(handle_.get()) == 0) lost_ = true;
      return !lost_;
    }
    if (rest == 0) sent_ = true;
    pollfd waiting{PQsocket(handle_.get()), POLLIN, 0};
    if (rest == 1) waiting.events |= POLLOUT;
    const int ready = poll(&waiting, 1, PollMillis(until));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    if ((waiting.revents & (POLLIN | POLLERR | POLLHUP)) == 0) continue;
    if (PQconsumeInput(handle_.get()) == 0) {
      // An error that arrived with the end is still to be read.
      if (PQisBusy(handle_.get()) != 0) lost_ = true;
    }
    return !lost_;
  }
}

bool Connection::Receive(Deadline until, Rows* rows) {
  while (PQisBusy(handle_.get()) != 0) {
    if (!Wait(until)) return false;
  }
  rows->reset(PQgetResult(handle_.get()));
  if (PQstatus(handle_.get()) == CONNECTION_BAD) lost_ = true;
  return true;
}

bool Connection::TryNext(Deadline until, Rows* rows) {
  rows->reset();
  while (!lost_ && !expected_.empty()) {
    const Entry entry = expected_.front();
    if (entry.what == Expected::kStream && !streaming_) {
      PQsetSingleRowMode(handle_.get());
      streaming_ = true;
    }
    if (!Receive(until, rows)) return lost_;
    const ExecStatusType status = PQresultStatus(rows->get());
    if (MadeByLibpq(rows->get())) {
      // No answer of the database's: what it did last, nobody knows.
      lost_ = true;
      break;
    }
    if (entry.what == Expected::kSync) {
      if (status == PGRES_PIPELINE_SYNC) {
        expected_.pop_front();
      } else if (*rows != nullptr && failure_ == nullptr) {
        failure_ = std::move(*rows);  // of the commit itself
      }
      if (expected_.empty()) break;
      continue;
    }
    if (*rows == nullptr) {
      lost_ = true;  // an answer less than was asked for
      break;
    }
    if (status == PGRES_SINGLE_TUPLE) return true;
    // Each answer ends with a null, which is there at once.
    if (!lost_) Rows(PQgetResult(handle_.get()));
    expected_.pop_front();
    streaming_ = false;
    switch (entry.what) {
      case Expected::kPrepare:
        if (Failed(rows->get())) Forget(entry.prepared);
        [[fallthrough]];
      case Expected::kBracket:
        if (Failed(rows->get()) && failure_ == nullptr) failure_ = std::move(*rows);
        break;
      default:
        if (status == PGRES_PIPELINE_ABORTED && failure_ != nullptr) *rows = std::move(failure_);
        return true;
    }
  }
  rows->reset();
  return true;
}

Deadline Connection::LastMoment() const {
  return deadline_ == Deadline::max() ? deadline_ : deadline_ + options_.grace;
}

Rows Connection::Next() {
  Rows rows;
  if (!TryNext(LastMoment(), &rows)) lost_ = true;
  return rows;
}

Rows Connection::Finish() {
  Rows first, rows;
  int passed_over = 0;
  while (!lost_ && !expected_.empty()) {
    rows = Next();
    if (rows == nullptr) continue;
    if (PQresultStatus(rows.get()) == PGRES_SINGLE_TUPLE && ++passed_over > kPassedOverMax) {
      lost_ = true;
    }
    if (Failed(rows.get()) && first == nullptr) first = std::move(rows);
  }
  if (lost_) expected_.clear();
  used_at_ = steady_clock::now();
  return first != nullptr ? std::move(first) : std::move(failure_);
}

Result<Rows> Connection::Ask(const Sql& sql, Deadline deadline) {
  Begin(deadline);
  Send(sql);
  Sync();
  Rows rows = Next();
  const Rows rest = Finish();
  if (rows == nullptr) return ConnectionLost();
  if (Failed(rows.get())) return ToStatus(rows.get());
  if (rest != nullptr) return ToStatus(rest.get());
  if (lost_) return ConnectionLost();
  return rows;
}

bool Connection::Alive() {
  // Bounded: what arrives unasked is a notice or a farewell.
  for (int i = 0; i < 4; ++i) {
    char byte;
    const ssize_t size =
        recv(PQsocket(handle_.get()), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (size == 0 || PQconsumeInput(handle_.get()) == 0) return false;
    PQisBusy(handle_.get());  // reads what was said
    if (PQstatus(handle_.get()) == CONNECTION_BAD) return false;
  }
  return false;
}

// Whether the database answers an empty pipeline in time.
bool Connection::Answers() {
  sent_ = false;
  deadline_ = steady_clock::now() + options_.check_timeout - options_.grace;
  Sync();
  return Finish() == nullptr && !lost_;
}

bool Connection::Fresh() {
  if (lost_ || !expected_.empty() || PQstatus(handle_.get()) == CONNECTION_BAD) return false;
  if (PQtransactionStatus(handle_.get()) != PQTRANS_IDLE) return false;
  if (!Alive()) return false;
  return steady_clock::now() - used_at_ < options_.check_after_idle || Answers();
}

bool Connection::Aged() {
  const auto now = steady_clock::now();
  if (now < replace_at_) return false;
  replace_at_ = now + kAskAgain;
  return true;
}

void Connection::ForgetStatements() {
  prepared_.clear();
  kept_.clear();
  forget_ = !options_.transaction_pooler;
}

Rows Connection::Script(const std::string& sql, Deadline deadline, size_t* done) {
  deadline_ = deadline;
  if (done != nullptr) *done = 0;
  if (lost_ || PQexitPipelineMode(handle_.get()) != 1 ||
      PQsendQuery(handle_.get(), sql.c_str()) != 1) {
    lost_ = true;
    return nullptr;
  }
  Rows answer, rows;
  while (Receive(LastMoment(), &rows) && rows != nullptr) {
    const ExecStatusType status = PQresultStatus(rows.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      lost_ = true;  // nobody here has, or takes, what it is about
    }
    if (done != nullptr && !Failed(rows.get())) ++*done;
    if (answer == nullptr || !Failed(answer.get())) answer = std::move(rows);
    if (lost_) break;
  }
  if (rows != nullptr || PQisBusy(handle_.get()) != 0) lost_ = true;
  if (!lost_ && PQenterPipelineMode(handle_.get()) != 1) lost_ = true;
  used_at_ = steady_clock::now();
  return answer;
}

}  // namespace storegate::postgres

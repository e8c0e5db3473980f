// Status: the outcome of an operation, before it becomes a gRPC status.
//
// The code says what the caller should do next (google.aip.dev/193, and
// abseil's status.h, which words it best):
//   kInvalidArgument     the request is wrong whatever the state; correct it
//   kFailedPrecondition  change the state first, then call again
//   kAborted             somebody else was faster; read again and retry
//   kUnavailable         nothing happened; retry this very call
//   kUnknown             it may or may not have happened; look before retrying
//   kResourceExhausted   a limit is reached; retry later, or ask for less
//   kInternal            our mistake; the log says more
//
// A Status is a value: cheap to copy, safe to share between threads once built.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace storegate {

// The canonical codes, with gRPC's numbers.
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "INVALID_ARGUMENT" and so on.
std::string_view CodeName(Code code);

// One thing wrong with a request: where ("book.tags[2]"), and the rule
// together with what was given.
struct Violation {
  std::string field;
  std::string description;
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK

  // `reason` is UPPER_SNAKE_CASE and becomes ErrorInfo.reason; `message` is for
  // people and never holds driver text.
  Status(Code code, std::string_view reason, std::string message);

  bool ok() const { return detail_ == nullptr; }
  Code code() const { return ok() ? Code::kOk : detail_->code; }
  // All of these are empty when OK.
  const std::string& reason() const;
  const std::string& message() const;
  const std::map<std::string, std::string>& metadata() const;
  const std::vector<Violation>& violations() const;
  std::optional<std::chrono::milliseconds> retry_delay() const;

  // Each returns *this, changed. REQUIRES: !ok().
  Status& With(std::string key, std::string value);
  Status& WithViolation(std::string field, std::string description);
  Status& WithRetryDelay(std::chrono::milliseconds delay);
  // The same error in other words. REQUIRES: !ok().
  Status Reworded(std::string message) const;
  // The same error, its violations moved under a path: "book" makes "title"
  // into "book.title", and "" into "book".
  Status Under(std::string_view path) const;

  // "NOT_FOUND RECORD_NOT_FOUND: message", for logs and tests.
  std::string ToString() const;

 private:
  struct Detail {
    Code code;
    std::string reason;
    std::string message;
    std::map<std::string, std::string> metadata;
    std::vector<Violation> violations;
    std::optional<std::chrono::milliseconds> retry_delay;
  };
  Detail& Own();  // copy on write

  std::shared_ptr<Detail> detail_;
};

// INVALID_ARGUMENT, reason INVALID_FIELD, with one violation.
Status InvalidField(std::string field, std::string description);

// A value, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) {}  // REQUIRES: !status.ok()

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  // REQUIRES: ok().
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace storegate

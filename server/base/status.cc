#include "server/base/status.h"

#include <cassert>

namespace storegate {
namespace {

const std::string kNoText;
const std::map<std::string, std::string> kNoMetadata;
const std::vector<Violation> kNoViolations;

}  // namespace

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kCancelled: return "CANCELLED";
    case Code::kUnknown: return "UNKNOWN";
    case Code::kInvalidArgument: return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded: return "DEADLINE_EXCEEDED";
    case Code::kNotFound: return "NOT_FOUND";
    case Code::kAlreadyExists: return "ALREADY_EXISTS";
    case Code::kPermissionDenied: return "PERMISSION_DENIED";
    case Code::kResourceExhausted: return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition: return "FAILED_PRECONDITION";
    case Code::kAborted: return "ABORTED";
    case Code::kOutOfRange: return "OUT_OF_RANGE";
    case Code::kUnimplemented: return "UNIMPLEMENTED";
    case Code::kInternal: return "INTERNAL";
    case Code::kUnavailable: return "UNAVAILABLE";
    case Code::kDataLoss: return "DATA_LOSS";
    case Code::kUnauthenticated: return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

Status::Status(Code code, std::string_view reason, std::string message) {
  if (code == Code::kOk) return;
  detail_ = std::make_shared<Detail>();
  detail_->code = code;
  detail_->reason = reason;
  detail_->message = std::move(message);
}

const std::string& Status::reason() const { return ok() ? kNoText : detail_->reason; }
const std::string& Status::message() const { return ok() ? kNoText : detail_->message; }
const std::map<std::string, std::string>& Status::metadata() const {
  return ok() ? kNoMetadata : detail_->metadata;
}
const std::vector<Violation>& Status::violations() const {
  return ok() ? kNoViolations : detail_->violations;
}
std::optional<std::chrono::milliseconds> Status::retry_delay() const {
  return ok() ? std::nullopt : detail_->retry_delay;
}

Status::Detail& Status::Own() {
  assert(detail_ != nullptr);
  if (detail_.use_count() > 1) detail_ = std::make_shared<Detail>(*detail_);
  return *detail_;
}

Status& Status::With(std::string key, std::string value) {
  Own().metadata[std::move(key)] = std::move(value);
  return *this;
}

Status& Status::WithViolation(std::string field, std::string description) {
  Own().violations.push_back({std::move(field), std::move(description)});
  return *this;
}

Status& Status::WithRetryDelay(std::chrono::milliseconds delay) {
  Own().retry_delay = delay;
  return *this;
}

Status Status::Reworded(std::string message) const {
  Status reworded = *this;
  reworded.Own().message = std::move(message);
  return reworded;
}

Status Status::Under(std::string_view path) const {
  Status moved = *this;
  if (ok() || detail_->violations.empty() || path.empty()) return moved;
  for (Violation& violation : moved.Own().violations) {
    // "[3].name" under "requests" is "requests[3].name".
    const bool joined = violation.field.empty() || violation.field[0] == '[';
    violation.field.insert(0, std::string(path) + (joined ? "" : "."));
  }
  return moved;
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  std::string text(CodeName(detail_->code));
  if (!detail_->reason.empty()) text += " " + detail_->reason;
  if (!detail_->message.empty()) text += ": " + detail_->message;
  return text;
}

Status InvalidField(std::string field, std::string description) {
  Status status(Code::kInvalidArgument, "INVALID_FIELD", field + ": " + description);
  status.WithViolation(std::move(field), std::move(description));
  return status;
}

}  // namespace storegate

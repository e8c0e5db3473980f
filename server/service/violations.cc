#include "server/service/violations.h"

#include <utility>

#include "server/service/reflect.h"

namespace storegate::service {

std::string Path::ToString() const {
  std::string out;
  if (parent_ != nullptr) out = parent_->ToString();
  if (index_ >= 0) return out + "[" + std::to_string(index_) + "]";
  if (entry_ != nullptr) return out + "[" + MapKeyText(*entry_, key_) + "]";
  if (name_.empty()) return out;
  if (!out.empty()) out += '.';
  out += name_;
  return out;
}

void Violations::Add(const Path& at, std::string description, std::string_view reason) {
  if (full()) return CountOnly();
  Add(at.ToString(), std::move(description), reason);
}

void Violations::Add(std::string field, std::string description, std::string_view reason) {
  if (total_ == 0) {
    reason_ = reason;
  } else if (reason_ != reason) {
    reason_ = reason::kInvalidField;
  }
  ++total_;
  if (kept_.size() < kKept) kept_.push_back({std::move(field), std::move(description)});
}

Status Violations::ToStatus() const {
  if (empty()) return {};
  const Violation& first = kept_.front();
  std::string message;
  if (total_ > 1) message = std::to_string(total_) + " violations; the first: ";
  message += first.field + ": " + first.description;
  Status status(Code::kInvalidArgument, reason_, std::move(message));
  for (const Violation& violation : kept_) {
    status.WithViolation(violation.field, violation.description);
  }
  status.With("violations_total", std::to_string(total_));
  return status;
}

Status Invalid(std::string field, std::string description, std::string_view reason) {
  Violations violations;
  violations.Add(std::move(field), std::move(description), reason);
  return violations.ToStatus();
}

}  // namespace storegate::service

#include "server/repository/row_status.h"

#include <string>
#include <variant>

#include "server/base/text.h"

namespace storegate::repository {
namespace {

// `The Author "a1"`, or `The Author 17`.
std::string Named(const schema::Entity& entity, const Value& id) {
  std::string name = "The " + entity.name;
  if (const auto* text = std::get_if<std::string>(&id)) return name + " " + Quoted(*text);
  if (const auto* number = std::get_if<int64_t>(&id)) return name + " " + std::to_string(*number);
  return name;
}

}  // namespace

Status RecordNotFound(const schema::Entity& entity, const Value& id) {
  return Status(Code::kNotFound, "RECORD_NOT_FOUND", Named(entity, id) + " does not exist.");
}

Status RecordDeleted(const schema::Entity& entity, const Value& id) {
  return Status(Code::kNotFound, "RECORD_DELETED", Named(entity, id) + " is deleted.");
}

Status RecordNotDeleted(const schema::Entity& entity, const Value& id) {
  return Status(Code::kAlreadyExists, "RECORD_NOT_DELETED", Named(entity, id) + " is not deleted.");
}

Status RecordExists(const schema::Entity& entity, const Value& id) {
  return Status(Code::kAlreadyExists, "RECORD_EXISTS", Named(entity, id) + " exists already.");
}

Status UniqueViolation(const schema::Entity& entity,
                       const std::vector<const schema::Field*>& fields) {
  std::string names;
  for (const schema::Field* field : fields) {
    if (!names.empty()) names += ',';
    names += field->name;
  }
  return Status(Code::kAlreadyExists, "UNIQUE_VIOLATION",
                "Another " + entity.name + " has the same " + names + ".")
      .With("fields", names);
}

Status EtagMismatch(const schema::Entity& entity, const Value& id) {
  return Status(Code::kAborted, "ETAG_MISMATCH",
                Named(entity, id) + " does not have that etag. Read it again and retry.");
}

Status ReferenceNotFound(const schema::Field& field) {
  const schema::Entity& target = *field.references->entity;
  return Status(Code::kFailedPrecondition, "REFERENCE_NOT_FOUND",
                field.name + " names no living " + target.name + ".")
      .With("field", field.name)
      .With("entity", target.full_name);
}

Status RecordReferenced(const schema::Entity& entity, const Value& id,
                        const schema::Field& referrer) {
  const std::string name = referrer.entity->name + "." + referrer.name;
  return Status(Code::kFailedPrecondition, "RECORD_REFERENCED",
                Named(entity, id) + " is referred to by " + name + ".")
      .With("referrer", name);
}

Status SomeReferenceNotFound(const schema::Entity& entity) {
  return Status(Code::kFailedPrecondition, "REFERENCE_NOT_FOUND",
                "A reference of the " + entity.name + " names no living record.");
}

Status SomewhereReferenced(const schema::Entity& entity) {
  return Status(Code::kFailedPrecondition, "RECORD_REFERENCED",
                "Other records refer to the " + entity.name + ".");
}

Status TooLate() {
  return Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                "The deadline passed before the database was asked.");
}

Status MalformedColumn(const schema::Field& field) {
  return Status(Code::kInternal, "MALFORMED_DATA",
                "The field " + field.name + " of a " + field.entity->name +
                    " in the database holds what it cannot be.")
      .With("field", field.name);
}

Status SumOutOfRange(const schema::Field& into) {
  return Status(Code::kOutOfRange, "SUM_OUT_OF_RANGE",
                "The sum in " + into.name + " is more than it can hold. Narrow the request.")
      .With("field", into.name);
}

Status CheckSum(const schema::Field& into, std::optional<int64_t> sum) {
  // 315,576,000,000 seconds and what is below the next one, in microseconds.
  constexpr int64_t kMaxDuration = 315576000000999999;
  const bool duration = into.type == schema::Type::kDuration;
  if (!sum || (duration && (*sum < -kMaxDuration || *sum > kMaxDuration))) {
    return SumOutOfRange(into);
  }
  return {};
}

Status NativeQueryFailed(const schema::Entity& entity) {
  return Status(Code::kInternal, "NATIVE_QUERY_FAILED",
                "The database refused a native query on " + entity.collection +
                    ". The log says why.");
}

}  // namespace storegate::repository

// The statuses that a mutation's row can have (backend.h, Mutation), and others that
// every backend has, in the same words. Messages name the entity and its id, never other values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "server/base/status.h"
#include "server/query/value.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// NOT_FOUND: RECORD_NOT_FOUND, RECORD_DELETED.
Status RecordNotFound(const schema::Entity& entity, const Value& id);
Status RecordDeleted(const schema::Entity& entity, const Value& id);
// ALREADY_EXISTS: RECORD_NOT_DELETED, RECORD_EXISTS.
Status RecordNotDeleted(const schema::Entity& entity, const Value& id);
Status RecordExists(const schema::Entity& entity, const Value& id);
// ALREADY_EXISTS, UNIQUE_VIOLATION, metadata "fields": "a" or "a,b".
Status UniqueViolation(const schema::Entity& entity,
                       const std::vector<const schema::Field*>& fields);
// ABORTED, ETAG_MISMATCH.
Status EtagMismatch(const schema::Entity& entity, const Value& id);
// FAILED_PRECONDITION, REFERENCE_NOT_FOUND, metadata "field".
Status ReferenceNotFound(const schema::Field& field);
// FAILED_PRECONDITION, RECORD_REFERENCED, metadata "referrer": "Book.author_id".
Status RecordReferenced(const schema::Entity& entity, const Value& id,
                        const schema::Field& referrer);
// The same where it is not known which: the database's own foreign key refused it.
Status SomeReferenceNotFound(const schema::Entity& entity);
Status SomewhereReferenced(const schema::Entity& entity);

// DEADLINE_EXCEEDED.
Status TooLate();

// INTERNAL, MALFORMED_DATA, metadata "field": a column holds what its field cannot be.
Status MalformedColumn(const schema::Field& field);

// OUT_OF_RANGE, SUM_OUT_OF_RANGE, metadata "field": of the row that the sum goes into.
Status SumOutOfRange(const schema::Field& into);
// The same unless `sum`, which is empty past 64 bits, is one that the field holds: a Duration
// holds less.
Status CheckSum(const schema::Field& into, std::optional<int64_t> sum);
// INTERNAL, NATIVE_QUERY_FAILED, of a method on that entity. The log has said why.
Status NativeQueryFailed(const schema::Entity& entity);

}  // namespace storegate::repository

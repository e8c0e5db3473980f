// The rules of the schema, applied to values that callers give. All that is
// wrong is gathered, in order of the fields.
#pragma once

#include <string>

#include <google/protobuf/message.h>

#include "server/query/value.h"
#include "server/schema/schema.h"
#include "server/service/violations.h"

namespace storegate::service {

// Bytes of a text id and of a password, at most.
inline constexpr size_t kMaxIdBytes = 255;
inline constexpr size_t kMaxPasswordBytes = 1024;

// One field of a record, or of a message in one, and all below it: required,
// lengths, items, pattern, format, bounds; enum numbers that are known; no NUL in
// a string or key, no NaN, times within their range, Struct values that JSON can
// hold. Nothing but `required` applies to what is not set: a plain string or enum
// that is empty, an optional field without a value. `parent` is the message's
// path. REQUIRES: normalised. Passwords are never quoted.
void ValidateField(const google::protobuf::Message& message, const schema::Shape& shape,
                   const Path& parent, Violations* violations);

// As above for an entity's field, whose role may add rules: an id of text is 1 to
// 255 bytes, one of int64 is positive; a password is at most 1,024 bytes.
void ValidateEntityField(const google::protobuf::Message& record, const schema::Field& field,
                         const Path& parent, Violations* violations);

// A value by which a record is looked up. Brings it to lower case first where the
// field is kept so. A violation when no record can have it: another form than its
// UUID's, NUL, longer than the field or than an id, an int64 id that is not
// positive, NaN.
void CheckKeyValue(const schema::Field& field, const Path& at, Value* value,
                   Violations* violations);

}  // namespace storegate::service

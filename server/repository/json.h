// Nested values between protobuf and the JSON that databases keep: proto field
// names, enums by name, int64 as a number, Timestamp as text of fixed width,
// Duration as text, bytes as base64, infinities as "Infinity" and "-Infinity".
// A value at a time, straight between wire bytes, messages and text; no JSON
// tree is built. Any thread.
#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// Appends the JSON text of the field `shape` of `message`: a list, a map, a
// message, a Struct, or one value. Maps are written in order of their keys, so
// that equal values have equal text. REQUIRES: the field is set, or is repeated
// or a map; values are valid (known enum numbers, finite or infinite doubles).
void AppendJson(const google::protobuf::Message& message, const schema::Shape& shape,
                std::string* out);

// Appends the field's wire bytes, tags included. Names that the schema does not
// know are passed over (a newer gateway wrote them), and so are enum names.
// INTERNAL, reason MALFORMED_DATA, when the text is not JSON or not of the
// field's type, or is nested deeper than 100; nothing is appended then.
Status JsonToWire(std::string_view json, const schema::Shape& shape, std::string* out);

}  // namespace storegate::repository

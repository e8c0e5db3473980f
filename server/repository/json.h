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
// message, a Struct, or one value. Equal values have equal text: maps are written
// in the order of their keys (numbers by value, strings by bytes), and a message
// has its fields in order of declaration: plain ones always, also when zero; the
// others when set or not empty. A Value of no kind is null. REQUIRES: the field is
// set, or is repeated or a map; values are valid (known enum numbers, finite or
// infinite doubles, finite ones in a Struct, times within their range, UTF-8).
void AppendJson(const google::protobuf::Message& message, const schema::Shape& shape,
                std::string* out);

// Appends the field's wire bytes, tags included. Names that the schema does not
// know are passed over (a newer gateway wrote them), and so are enum names. null is
// an unset field, in a Value null; also read are integers as text ("5") or with a
// fraction of zero (5.0), and enums by number. Of a key that a map or a Struct has
// twice the last one counts.
// INTERNAL, reason MALFORMED_DATA, metadata "field", when the text is not JSON, not
// UTF-8 or not of the field's type, when a message has a name twice (on the wire the
// two would be merged), or when it is nested deeper than 200 (protobuf's hundred
// messages, each with a list around it); nothing is appended then.
Status JsonToWire(std::string_view json, const schema::Shape& shape, std::string* out);

}  // namespace storegate::repository

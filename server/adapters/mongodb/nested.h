// Nested values between protobuf and BSON, straight between wire bytes, messages and
// documents; what a value looks like is said in types.h. Any thread.
#pragma once

#include <string>
#include <string_view>

#include <bson/bson.h>
#include <google/protobuf/message.h>

#include "server/schema/schema.h"

namespace storegate::mongodb {

// MongoDB stores documents of at most 180 levels, each document and each array one.
// Source: mongodb.com, limits, and its parameter maxBSONDepth.
inline constexpr int kLevelsMax = 175;

// Appends the field `shape` of `message` under `key`. False, with *to of no more use,
// when it has more than kLevelsMax levels. REQUIRES: the field is set, or is repeated
// or a map; values are valid, as for repository::AppendJson.
bool AppendNested(const google::protobuf::Message& message, const schema::Shape& shape,
                  std::string_view key, bson_t* to);

// Appends the wire bytes, tags included, of the field's value that `at` stands on.
// Names that the schema does not know are passed over, and so are enum names; null is
// an unset field, in a Value null. Taken too, where another program wrote them: a
// number of any type that is the same value, a time or a duration or bytes as the
// text of nested JSON. False, with nothing appended, when it is not of the field's
// type, when a message has a name twice, or past kLevelsMax levels.
bool NestedToWire(const bson_iter_t& at, const schema::Shape& shape, std::string* out);

}  // namespace storegate::mongodb

// The rules on one value each. Every function adds what is wrong, as the rule
// and what was given, and nothing when all is well.
#pragma once

#include <cstdint>
#include <string>

#include <google/protobuf/message.h>

#include "server/schema/schema.h"
#include "server/service/violations.h"

namespace storegate::service {

void CheckBounds(const schema::Shape& shape, int64_t value, const Path& at,
                 Violations* violations);
// NaN is refused too.
void CheckBounds(const schema::Shape& shape, double value, const Path& at,
                 Violations* violations);
// NUL, length in code points, format, pattern. A `secret` value is not shown.
void CheckText(const schema::Shape& shape, const std::string& text, bool secret, const Path& at,
               Violations* violations);
void CheckBytes(const schema::Shape& shape, const std::string& bytes, const Path& at,
                Violations* violations);
void CheckEnum(const schema::Shape& shape, int number, const Path& at, Violations* violations);

// google.protobuf.Timestamp and Duration, by their own files' comments.
void CheckTimestamp(const google::protobuf::Message& value, const Path& at,
                    Violations* violations);
void CheckDuration(const google::protobuf::Message& value, const Path& at,
                   Violations* violations);

// google.protobuf.Struct, Value, ListValue: what JSON can hold. Keys and strings
// without NUL, numbers that are finite, values that have a kind.
void CheckStruct(const google::protobuf::Message& value, const Path& at, Violations* violations);
void CheckStructValue(const google::protobuf::Message& value, const Path& at,
                      Violations* violations);
void CheckListValue(const google::protobuf::Message& value, const Path& at,
                    Violations* violations);

}  // namespace storegate::service

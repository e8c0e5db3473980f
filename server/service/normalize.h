// Brings values into the one form in which they are checked and stored. Nothing
// here can fail; what is wrong stays, for validate.h to say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <google/protobuf/message.h>

#include "server/query/value.h"
#include "server/schema/schema.h"

namespace storegate::service {

// One field of an entity's record: lower case where it is asked for, -0.0 to 0,
// timestamps cut to milliseconds and durations to microseconds, of equal keys in
// a map the last; all of it also in messages, lists, maps and Structs below.
void NormalizeField(google::protobuf::Message* record, const schema::Field& field);

// Clears what callers do not write: etag, embeds, counts, output-only fields,
// and the three times unless `keep_times`.
void ClearNotWritten(google::protobuf::Message* record, const schema::Entity& entity,
                     bool keep_times);

// Gives unset fields their defaults.
void ApplyDefaults(google::protobuf::Message* record, const schema::Entity& entity);

}  // namespace storegate::service

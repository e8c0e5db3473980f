// Between BSON and the schema's types, both ways.
//
//   bool                bool                  string, enum's name   string
//   int32               int32                 bytes                 binary, subtype 0
//   int64, uint32       int64                 Timestamp             Date
//   Duration            int64, us             repeated              array
//   float, double       double                map, message, Struct  document
//   string with format: OBJECT_ID, where it is an id, required or optional, and what refers
//   to one: ObjectId; a text that is none stays a string. A computed row's texts may be both
//
// A field that is null is not in the document. Keys of maps and Structs are escaped
// (keys.h). What another program wrote is read where it is the same value in another
// numeric type; null is read as unset.
#pragma once

#include <string_view>
#include <vector>

#include <bson/bson.h>
#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/query/value.h"
#include "server/repository/sink.h"
#include "server/schema/schema.h"

namespace storegate::mongodb {

// The field's name in documents: "_id", or its column.
std::string_view NameOf(const schema::Field& field);

// Whether the field's texts are kept as ObjectIds.
bool KeepsObjectIds(const schema::Field& field);

// Appends a scalar of that type under `key`; null as BSON's null. Of a field: as documents
// have it.
void AppendValue(std::string_view key, const Value& value, schema::Type type, bson_t* to);
void AppendValue(std::string_view key, const Value& value, const schema::Field& field, bson_t* to);

// Appends the field of `record` under its name. `*set` is false, and nothing is
// appended, when it is null. INVALID_ARGUMENT, reason NESTED_TOO_DEEP, naming the field;
// what a record cannot have: as query::ReadValue.
Status AppendField(const google::protobuf::Message& record, const schema::Field& field,
                   bson_t* to, bool* set);

// The value that `at` stands on as the Value of a field that is not nested; null for
// null. INTERNAL, reason MALFORMED_DATA (repository::MalformedColumn).
Result<Value> ReadValue(const bson_iter_t& at, const schema::Field& field);

// Writes the value that `at` stands on, which may be null, into the sink's row. Status
// as of ReadValue; the row is to be ignored then.
Status ReadField(const bson_iter_t& at, const schema::Field& field, repository::Sink* sink);

}  // namespace storegate::mongodb

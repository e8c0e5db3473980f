// Between SQLite's five storage classes and the schema's types, both ways.
//
//   bool                INTEGER 0, 1          string, enum's name   TEXT
//   integers            INTEGER               bytes                 BLOB
//   Timestamp           INTEGER, ms           all nested            TEXT, JSON
//   Duration            INTEGER, us
//   float, double       REAL
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>
#include <sqlite3.h>

#include "server/base/status.h"
#include "server/query/value.h"
#include "server/repository/reading.h"
#include "server/repository/sink.h"
#include "server/schema/schema.h"

namespace storegate::sqlite {

// "TEXT", "INTEGER", "REAL", "BLOB".
std::string_view ColumnType(const schema::Field& field);

// The column of `field` in `record`: null where it is not set and nullable, JSON
// text where it is nested.
Result<Value> ColumnValue(const google::protobuf::Message& record, const schema::Field& field);

// Column `index` of the statement's row as the field's Value; null for NULL.
Value ReadColumn(sqlite3_stmt* row, int index, const schema::Field& field);

// Writes the row that the statement stands on, between BeginRow and EndRow:
// `columns`, which are its first ones. INTERNAL, reason MALFORMED_DATA, when a
// column holds what its field cannot be; the sink's row is to be ignored then.
// `more` gets what EndRow says.
Status ReadRow(sqlite3_stmt* row, const repository::RowColumns& columns, repository::Sink* sink,
               bool* more);
// The same of columns anywhere, without a version.
Status ReadPlaced(sqlite3_stmt* row, const std::vector<repository::PlacedField>& columns,
                  repository::Sink* sink, bool* more);

}  // namespace storegate::sqlite

// Between PostgreSQL's types and the schema's, both ways.
//
//   bool            boolean            string        text COLLATE "C"
//   int32           integer              with UUID   uuid
//   int64, uint32   bigint             enum          text, its name
//   Duration        bigint, us         bytes         bytea
//   float, double   double precision   Timestamp     timestamptz
//   list of these   array              all other     jsonb
//
// A plain string with format UUID that is not required stays text: "" is its zero,
// and no uuid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/message.h>
#include <libpq-fe.h>

#include "server/adapters/postgres/sql.h"
#include "server/base/status.h"
#include "server/query/value.h"
#include "server/repository/reading.h"
#include "server/repository/sink.h"
#include "server/schema/schema.h"

namespace storegate::postgres {

struct ColumnKind {
  Kind kind = Kind::kText;
  bool array = false;
};
ColumnKind ColumnOf(const schema::Field& field);
// Of one value of that type.
Kind KindOf(schema::Type type);

// Binds the column of `field` in `record`: null where it is not set and nullable.
Status BindField(const google::protobuf::Message& record, const schema::Field& field, Sql* sql);
// The same as a Value; REQUIRES: not nested.
Result<Value> FieldValue(const google::protobuf::Message& record, const schema::Field& field);

// A column of a row as the field's Value; null for NULL. REQUIRES: not nested.
// INTERNAL, reason MALFORMED_DATA.
Result<Value> ReadValue(const PGresult* rows, int row, int column, const schema::Field& field);

// A column as an integer; empty where it is none of 64 bits, or NULL.
std::optional<int64_t> ReadInteger(const PGresult* rows, int row, int column);

// Writes rows into a sink, by the types that the result says its columns have: one
// that was widened under a running gateway is read as well.
class RowReader {
 public:
  // `columns`, which are the first ones. Between BeginRow and EndRow; `more` gets
  // what EndRow says. INTERNAL, reason MALFORMED_DATA, when a column holds what its
  // field cannot be; the sink's row is to be ignored then.
  Status Read(const PGresult* rows, int row, const repository::RowColumns& columns,
              repository::Sink* sink, bool* more);
  // The same of columns anywhere, without a version.
  Status ReadPlaced(const PGresult* rows, int row,
                    const std::vector<repository::PlacedField>& columns, repository::Sink* sink,
                    bool* more);
  // How large the row read last was.
  size_t bytes() const { return bytes_; }

 private:
  Status ReadColumn(const PGresult* rows, int row, int column, const schema::Field& field,
                    repository::Sink* sink);
  Status ReadField(const PGresult* rows, int row, int column, const schema::Field& field,
                   repository::Sink* sink);
  Status ReadArray(const char* data, int size, const schema::Field& field,
                   repository::Sink* sink);

  std::string wire_, scratch_;
  size_t bytes_ = 0;
};

}  // namespace storegate::postgres

#include "server/adapters/sqlite/types.h"

#include <limits>
#include <utility>

#include "server/base/time.h"
#include "server/query/predicate.h"
#include "server/repository/json.h"
#include "server/repository/row_status.h"

namespace storegate::sqlite {

using repository::MalformedColumn;
using schema::Field;
using schema::Presence;
using schema::Type;

namespace {

std::string_view TextAt(sqlite3_stmt* row, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, index));
  // Null for NULL, and when there is no memory to convert.
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(row, index))};
}

std::string_view BlobAt(sqlite3_stmt* row, int index) {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(row, index));
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(row, index))};
}

// Another program may have written what no gateway would.
bool InRange(const Field& field, int64_t value) {
  switch (field.type) {
    case Type::kInt32:
      return value >= std::numeric_limits<int32_t>::min() &&
             value <= std::numeric_limits<int32_t>::max();
    case Type::kUint32: return value >= 0 && value <= std::numeric_limits<uint32_t>::max();
    case Type::kTimestamp: return value >= kMinTimestampMillis && value <= kMaxTimestampMillis;
    default: return true;
  }
}

// A column that is not NULL.
Status ReadField(sqlite3_stmt* row, int index, int storage, const Field& field,
                 repository::Sink* sink) {
  if (field.nested()) {
    if (storage != SQLITE_TEXT) return MalformedColumn(field);
    return sink->Json(field, TextAt(row, index));
  }
  switch (field.type) {
    case Type::kBool:
      if (storage != SQLITE_INTEGER) return MalformedColumn(field);
      sink->Bool(field, sqlite3_column_int64(row, index) != 0);
      return {};
    case Type::kInt32:
    case Type::kInt64:
    case Type::kUint32:
    case Type::kTimestamp:
    case Type::kDuration: {
      const int64_t value = sqlite3_column_int64(row, index);
      if (storage != SQLITE_INTEGER || !InRange(field, value)) return MalformedColumn(field);
      sink->Int64(field, value);
      return {};
    }
    case Type::kFloat:
    case Type::kDouble:
      if (storage != SQLITE_FLOAT && storage != SQLITE_INTEGER) return MalformedColumn(field);
      sink->Double(field, sqlite3_column_double(row, index));
      return {};
    case Type::kString:
    case Type::kEnum:
      if (storage != SQLITE_TEXT) return MalformedColumn(field);
      sink->Text(field, TextAt(row, index));
      return {};
    case Type::kBytes:
      if (storage != SQLITE_BLOB && storage != SQLITE_TEXT) return MalformedColumn(field);
      sink->Bytes(field, BlobAt(row, index));
      return {};
    default:
      return MalformedColumn(field);
  }
}

// One that is NULL is not written.
Status ReadColumnInto(sqlite3_stmt* row, int index, const Field& field, repository::Sink* sink) {
  const int storage = sqlite3_column_type(row, index);
  return storage == SQLITE_NULL ? Status() : ReadField(row, index, storage, field, sink);
}

}  // namespace

std::string_view ColumnType(const Field& field) {
  if (field.nested()) return "TEXT";
  switch (field.type) {
    case Type::kFloat:
    case Type::kDouble: return "REAL";
    case Type::kString:
    case Type::kEnum: return "TEXT";
    case Type::kBytes: return "BLOB";
    default: return "INTEGER";
  }
}

Result<Value> ColumnValue(const google::protobuf::Message& record, const Field& field) {
  if (!field.nested()) return query::ReadValue(record, field.descriptor);
  const bool has_presence =
      field.presence != Presence::kRepeated && field.presence != Presence::kMap;
  if (has_presence && !record.GetReflection()->HasField(record, field.descriptor)) return Value();
  std::string json;
  repository::AppendJson(record, field, &json);
  return Value(std::move(json));
}

Value ReadColumn(sqlite3_stmt* row, int index, const Field& field) {
  if (sqlite3_column_type(row, index) == SQLITE_NULL) return {};
  if (field.nested()) return std::string(TextAt(row, index));
  switch (field.type) {
    case Type::kBool: return sqlite3_column_int64(row, index) != 0;
    case Type::kFloat:
    case Type::kDouble: return sqlite3_column_double(row, index);
    case Type::kString:
    case Type::kEnum: return std::string(TextAt(row, index));
    case Type::kBytes: return Bytes{std::string(BlobAt(row, index))};
    default: return static_cast<int64_t>(sqlite3_column_int64(row, index));
  }
}

Status ReadRow(sqlite3_stmt* row, const repository::RowColumns& columns, repository::Sink* sink,
               bool* more) {
  sink->BeginRow();
  int index = 0;
  for (const Field* field : columns.fields) {
    if (Status status = ReadColumnInto(row, index++, *field, sink); !status.ok()) return status;
  }
  if (columns.version) sink->Version(sqlite3_column_int64(row, index));
  *more = sink->EndRow();
  return {};
}

Status ReadPlaced(sqlite3_stmt* row, const std::vector<repository::PlacedField>& columns,
                  repository::Sink* sink, bool* more) {
  sink->BeginRow();
  for (const auto& [index, field] : columns) {
    if (Status status = ReadColumnInto(row, index, *field, sink); !status.ok()) return status;
  }
  *more = sink->EndRow();
  return {};
}

}  // namespace storegate::sqlite

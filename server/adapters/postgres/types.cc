#include "server/adapters/postgres/types.h"

#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "server/adapters/postgres/numeric.h"
#include "server/base/time.h"
#include "server/base/wire.h"
#include "server/query/predicate.h"
#include "server/query/read_value.h"
#include "server/repository/json.h"
#include "server/repository/row_status.h"
#include "server/repository/scalar.h"

namespace storegate::postgres {

using repository::kScalarMax;
using repository::MalformedColumn;
using schema::Field;
using schema::Presence;
using schema::Type;

namespace {

// Types that a column may have though the gateway would not make it so (another
// tool did, or an operator changed it). Source: src/include/catalog/pg_type.dat.
enum : Oid {
  kBool = 16,
  kBytea = 17,
  kName = 19,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kBpchar = 1042,
  kVarchar = 1043,
  kDate = 1082,
  kTimestamp = 1114,
  kTimestamptz = 1184,
  kInterval = 1186,
  kNumeric = 1700,
  kUuid = 2950,
  kJsonb = 3802,
  kFirstOfUsers = 16384,
};

// One value in binary.
struct Cell {
  Oid type;
  const char* data;
  int size;

  std::string_view bytes() const { return {data, static_cast<size_t>(size)}; }
};

std::optional<int64_t> Integer(const Cell& cell) {
  switch (cell.type) {
    case kInt8: return static_cast<int64_t>(Big64(cell.data));
    case kInt4: return static_cast<int32_t>(Big32(cell.data));
    case kInt2: {
      uint16_t value;
      std::memcpy(&value, cell.data, 2);
      return static_cast<int16_t>(__builtin_bswap16(value));
    }
    case kNumeric: return NumericToInteger(cell.bytes());
    default: return std::nullopt;
  }
}

constexpr int64_t kDayMillis = 86400000;

// Milliseconds since 1970. Empty for infinity, and for what no Timestamp can be.
std::optional<int64_t> Millis(const Cell& cell) {
  int64_t millis;
  if (cell.type == kDate) {
    millis = static_cast<int32_t>(Big32(cell.data)) * kDayMillis;
  } else if (cell.type == kTimestamptz || cell.type == kTimestamp) {
    const auto micros = static_cast<int64_t>(Big64(cell.data));
    millis = micros / 1000;
    if (micros % 1000 < 0) --millis;  // what is finer is cut off, towards the past
  } else {
    return std::nullopt;
  }
  millis += kEpochMillis;
  if (millis < kMinTimestampMillis || millis > kMaxTimestampMillis) return std::nullopt;
  return millis;
}

std::optional<double> Real(const Cell& cell) {
  if (cell.type == kFloat8) {
    const uint64_t bits = Big64(cell.data);
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
  }
  if (cell.type == kFloat4) {
    const uint32_t bits = Big32(cell.data);
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }
  if (cell.type == kNumeric) return NumericToDouble(cell.bytes());
  if (const std::optional<int64_t> number = Integer(cell)) return static_cast<double>(*number);
  return std::nullopt;
}

// `scratch` holds it where it has to be made.
std::optional<std::string_view> Text(const Cell& cell, std::string* scratch) {
  switch (cell.type) {
    case kUuid:
      scratch->clear();
      AppendUuidText(cell.data, scratch);
      return std::string_view(*scratch);
    case kText:
    case kVarchar:
    case kBpchar:
    case kName: return std::string_view(cell.data, cell.size);
    default:
      // An enum or the like: it travels as its text.
      if (cell.type >= kFirstOfUsers) return std::string_view(cell.data, cell.size);
      return std::nullopt;
  }
}

std::optional<std::string_view> Json(const Cell& cell) {
  if (cell.type == kJsonb && cell.size > 0 && cell.data[0] == 1) {
    return std::string_view(cell.data + 1, cell.size - 1);
  }
  if (cell.type == kJson || cell.type == kText) return std::string_view(cell.data, cell.size);
  return std::nullopt;
}

// Microseconds. Empty for what has months, which have no length.
std::optional<int64_t> Micros(const Cell& cell) {
  if (cell.type != kInterval) return Integer(cell);
  const auto time = static_cast<int64_t>(Big64(cell.data));
  const auto days = static_cast<int32_t>(Big32(cell.data + 8));
  int64_t micros;
  if (Big32(cell.data + 12) != 0 || __builtin_mul_overflow(kDayMillis * 1000, days, &micros) ||
      __builtin_add_overflow(micros, time, &micros)) {
    return std::nullopt;
  }
  return micros;
}

std::optional<int64_t> Whole(const Field& field, const Cell& cell) {
  const std::optional<int64_t> value = field.type == Type::kTimestamp  ? Millis(cell)
                                       : field.type == Type::kDuration ? Micros(cell)
                                                                       : Integer(cell);
  if (!value) return std::nullopt;
  const bool fits =
      field.type == Type::kInt32    ? *value >= std::numeric_limits<int32_t>::min() &&
                                       *value <= std::numeric_limits<int32_t>::max()
      : field.type == Type::kUint32 ? *value >= 0 && *value <= std::numeric_limits<uint32_t>::max()
                                    : true;
  return fits ? value : std::nullopt;
}

Cell CellOf(const PGresult* rows, int row, int column) {
  return {PQftype(rows, column), PQgetvalue(rows, row, column),
          PQgetlength(rows, row, column)};
}

bool IsArray(const Field& field) {
  if (field.presence != Presence::kRepeated || field.wrapper) return false;
  switch (field.type) {
    case Type::kStruct:
    case Type::kValue:
    case Type::kListValue:
    case Type::kMessage: return false;
    default: return true;
  }
}

// Puts one element of a packed list at `p`. Null: it is no such value.
char* PutNumber(const Field& field, const Cell& cell, std::string* scratch, bool* known, char* p) {
  const auto type = field.value->type();
  switch (field.type) {
    case Type::kBool:
      if (cell.type != kBool) return nullptr;
      return repository::PutVarint(cell.data[0] != 0, p);
    case Type::kFloat:
    case Type::kDouble: {
      const std::optional<double> value = Real(cell);
      return value ? repository::PutReal(type, *value, p) : nullptr;
    }
    case Type::kEnum: {
      const std::optional<std::string_view> name = Text(cell, scratch);
      if (!name) return nullptr;
      const std::optional<int> number = field.enum_type->NumberOf(*name);
      *known = number.has_value();  // else a newer gateway wrote it
      return repository::PutInteger(type, number.value_or(0), p);
    }
    default: {
      const std::optional<int64_t> value = Whole(field, cell);
      return value ? repository::PutInteger(type, *value, p) : nullptr;
    }
  }
}

bool IsPacked(Type type) {
  return type != Type::kString && type != Type::kBytes && type != Type::kTimestamp &&
         type != Type::kDuration;
}

}  // namespace

Kind KindOf(Type type) {
  switch (type) {
    case Type::kBool: return Kind::kBool;
    case Type::kInt32: return Kind::kInt4;
    case Type::kInt64:
    case Type::kUint32:
    case Type::kDuration: return Kind::kInt8;
    case Type::kFloat:
    case Type::kDouble: return Kind::kFloat8;
    case Type::kString:
    case Type::kEnum: return Kind::kText;
    case Type::kBytes: return Kind::kBytea;
    case Type::kTimestamp: return Kind::kTimestamptz;
    case Type::kStruct:
    case Type::kValue:
    case Type::kListValue:
    case Type::kMessage: return Kind::kJsonb;
  }
  return Kind::kJsonb;
}

ColumnKind ColumnOf(const Field& field) {
  if (field.presence == Presence::kRepeated) {
    return IsArray(field) ? ColumnKind{KindOf(field.type), true} : ColumnKind{Kind::kJsonb};
  }
  if (field.presence == Presence::kMap) return {Kind::kJsonb};
  // A foreign key has the type of what it refers to.
  if (field.references) return ColumnOf(*field.references->field);
  if (field.type == Type::kString && field.format == schema::Format::kUuid &&
      (field.role == schema::Role::kId || field.required || field.nullable())) {
    return {Kind::kUuid};
  }
  return {KindOf(field.type)};
}

Result<Value> FieldValue(const google::protobuf::Message& record, const Field& field) {
  return query::ReadValue(record, field.descriptor);
}

Status BindField(const google::protobuf::Message& record, const Field& field, Sql* sql) {
  const ColumnKind column = ColumnOf(field);
  if (column.array) {
    std::vector<Value> values;
    const int count = record.GetReflection()->FieldSize(record, field.descriptor);
    values.reserve(count);
    for (int i = 0; i < count; ++i) {
      Result<Value> value = query::ReadElement(record, field.descriptor, i);
      if (!value.ok()) return value.status();
      values.push_back(*std::move(value));
    }
    sql->BindArray(values, column.kind);
    return {};
  }
  if (!field.nested()) {
    Result<Value> value = FieldValue(record, field);
    if (!value.ok()) return value.status();
    if (!IsNull(*value) && !Fits(*value, column.kind)) return MalformedColumn(field);
    sql->Bind(*value, column.kind);
    return {};
  }
  const bool has_presence =
      field.presence != Presence::kRepeated && field.presence != Presence::kMap;
  if (has_presence && !record.GetReflection()->HasField(record, field.descriptor)) {
    sql->BindNull();
    return {};
  }
  const size_t begin = sql->bytes.size();
  sql->bytes += '\1';  // the version of jsonb's format
  repository::AppendJson(record, field, &sql->bytes);
  sql->places.push_back({begin, static_cast<int>(sql->bytes.size() - begin)});
  return {};
}

Result<Value> ReadValue(const PGresult* rows, int row, int column, const Field& field) {
  if (PQgetisnull(rows, row, column) != 0) return Value();
  const Cell cell = CellOf(rows, row, column);
  switch (field.type) {
    case Type::kBool:
      if (cell.type == kBool) return Value(cell.data[0] != 0);
      break;
    case Type::kFloat:
    case Type::kDouble:
      if (const auto value = Real(cell)) return Value(*value);
      break;
    case Type::kString:
    case Type::kEnum: {
      std::string scratch;
      if (const auto text = Text(cell, &scratch)) return Value(std::string(*text));
      break;
    }
    case Type::kBytes:
      if (cell.type == kBytea) return Value(Bytes{std::string(cell.data, cell.size)});
      break;
    default:
      if (const auto value = Whole(field, cell)) return Value(*value);
  }
  return MalformedColumn(field);
}

std::optional<int64_t> ReadInteger(const PGresult* rows, int row, int column) {
  if (PQgetisnull(rows, row, column) != 0) return std::nullopt;
  return Integer(CellOf(rows, row, column));
}

Status RowReader::ReadArray(const char* data, int size, const Field& field,
                            repository::Sink* sink) {
  // dimensions, whether there are nulls, type of the elements; for each dimension
  // its size and first index; then the elements.
  constexpr int kHead = 12;
  if (size < kHead) return MalformedColumn(field);
  const uint32_t dimensions = Big32(data);
  if (dimensions == 0) return {};
  if (dimensions != 1 || size < kHead + 8) return MalformedColumn(field);
  const Oid type = Big32(data + 8);
  const uint32_t count = Big32(data + 12);
  const char* p = data + kHead + 8;
  const char* const end = data + size;
  const bool packed = IsPacked(field.type);
  wire_.clear();
  const size_t start = packed ? wire::Begin(field.number, &wire_) : 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (end - p < 4) return MalformedColumn(field);
    const auto length = static_cast<int32_t>(Big32(p));
    p += 4;
    // A null among the elements: no list of protobuf has one.
    if (length < 0 || end - p < length) return MalformedColumn(field);
    const Cell cell{type, p, length};
    p += length;
    char buffer[kScalarMax];
    if (packed) {
      bool known = true;
      const char* stop = PutNumber(field, cell, &scratch_, &known, buffer);
      if (stop == nullptr) return MalformedColumn(field);
      if (known) wire_.append(buffer, stop - buffer);
    } else if (field.type == Type::kString) {
      const std::optional<std::string_view> text = Text(cell, &scratch_);
      if (!text) return MalformedColumn(field);
      wire::AppendBytes(field.number, *text, &wire_);
    } else if (field.type == Type::kBytes) {
      if (cell.type != kBytea) return MalformedColumn(field);
      wire::AppendBytes(field.number, {cell.data, static_cast<size_t>(cell.size)}, &wire_);
    } else {
      const std::optional<int64_t> value = Whole(field, cell);
      if (!value) return MalformedColumn(field);
      const char* stop = field.type == Type::kTimestamp ? repository::PutTimestamp(*value, buffer)
                                                        : repository::PutDuration(*value, buffer);
      repository::AppendSmallMessage(field.number, buffer, stop, &wire_);
    }
  }
  if (packed) {
    if (wire_.size() == start) return {};
    wire::End(start, &wire_);
  }
  sink->Wire(field, wire_);
  return {};
}

// A column that is not NULL.
Status RowReader::ReadField(const PGresult* rows, int row, int column, const Field& field,
                            repository::Sink* sink) {
  const Cell cell = CellOf(rows, row, column);
  bytes_ += static_cast<size_t>(cell.size);
  if (field.nested()) {
    if (const std::optional<std::string_view> json = Json(cell)) return sink->Json(field, *json);
    if (!IsArray(field)) return MalformedColumn(field);
    return ReadArray(cell.data, cell.size, field, sink);
  }
  switch (field.type) {
    case Type::kBool:
      if (cell.type != kBool) return MalformedColumn(field);
      sink->Bool(field, cell.data[0] != 0);
      return {};
    case Type::kFloat:
    case Type::kDouble: {
      const std::optional<double> value = Real(cell);
      if (!value) return MalformedColumn(field);
      sink->Double(field, *value);
      return {};
    }
    case Type::kString:
    case Type::kEnum: {
      const std::optional<std::string_view> text = Text(cell, &scratch_);
      if (!text) return MalformedColumn(field);
      sink->Text(field, *text);
      return {};
    }
    case Type::kBytes:
      if (cell.type != kBytea) return MalformedColumn(field);
      sink->Bytes(field, {cell.data, static_cast<size_t>(cell.size)});
      return {};
    default: {
      const std::optional<int64_t> value = Whole(field, cell);
      if (!value) return MalformedColumn(field);
      sink->Int64(field, *value);
      return {};
    }
  }
}

// One that is NULL is not written.
Status RowReader::ReadColumn(const PGresult* rows, int row, int column, const Field& field,
                             repository::Sink* sink) {
  if (PQgetisnull(rows, row, column) != 0) return {};
  return ReadField(rows, row, column, field, sink);
}

Status RowReader::Read(const PGresult* rows, int row, const repository::RowColumns& columns,
                       repository::Sink* sink, bool* more) {
  sink->BeginRow();
  bytes_ = 0;
  int column = 0;
  for (const Field* field : columns.fields) {
    Status status = ReadColumn(rows, row, column++, *field, sink);
    if (!status.ok()) return status;
  }
  if (columns.version) sink->Version(Integer(CellOf(rows, row, column)).value_or(0));
  *more = sink->EndRow();
  return {};
}

Status RowReader::ReadPlaced(const PGresult* rows, int row,
                             const std::vector<repository::PlacedField>& columns,
                             repository::Sink* sink, bool* more) {
  sink->BeginRow();
  for (const auto& [column, field] : columns) {
    Status status = ReadColumn(rows, row, column, *field, sink);
    if (!status.ok()) return status;
  }
  *more = sink->EndRow();
  return {};
}

}  // namespace storegate::postgres

#include "server/adapters/postgres/native.h"

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <variant>

#include "server/adapters/postgres/types.h"
#include "server/base/log.h"
#include "server/base/time.h"
#include "server/repository/row_status.h"

namespace storegate::postgres {

using repository::NativeParameter;
using repository::NativeQuery;
using repository::PlacedField;
using schema::Type;

namespace {

// 0 for strings and names, which the text gives a type: a column may be uuid as well.
uint32_t TypeOf(const NativeParameter& parameter) {
  if (parameter.type == Type::kString || parameter.type == Type::kEnum) return 0;
  const Kind kind = KindOf(parameter.type);
  return parameter.list ? ArrayTypeId(kind) : TypeId(kind);
}

std::string TextOf(const Value& value, Type type) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return type == Type::kTimestamp ? FormatTimestamp(*number) : std::to_string(*number);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    if (std::isinf(*real)) return *real > 0 ? "Infinity" : "-Infinity";
    char buffer[32];
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, *real).ptr);
  }
  std::string hex = "\\x";
  for (const unsigned char c : std::get<Bytes>(value).data) {
    hex += "0123456789abcdef"[c >> 4];
    hex += "0123456789abcdef"[c & 15];
  }
  return hex;
}

// `{"a","b"}`; what is in quotes is no NULL, and no bracket.
std::string ArrayText(const NativeParameter& parameter) {
  std::string array = "{";
  for (const Value& value : parameter.values) {
    array += array.size() > 1 ? ",\"" : "\"";
    for (const char c : TextOf(value, parameter.type)) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + '}';
}

}  // namespace

void NativeSql(const NativeQuery& query, Sql* sql) {
  sql->Clear();
  // The types are part of the text, by which it is known once it is prepared.
  sql->text = query.native->postgres + "\n--";
  for (const NativeParameter& parameter : query.parameters) {
    const uint32_t type = TypeOf(parameter);
    sql->text += " " + std::to_string(type);
    if (parameter.list) {
      sql->BindText(ArrayText(parameter), type);
    } else if (parameter.values.empty()) {
      sql->BindNull();
      sql->text_types.push_back(type);
    } else {
      sql->BindText(TextOf(parameter.values[0], parameter.type), type);
    }
  }
}

std::vector<PlacedField> PlaceColumns(const PGresult* rows, const schema::Entity& row) {
  std::vector<PlacedField> placed;
  std::vector<bool> seen(row.fields.size());
  for (int column = 0; column < PQnfields(rows); ++column) {
    const schema::Field* field = row.Find(PQfname(rows, column));
    // Of several columns of a name the first one.
    if (field == nullptr || seen[field->index]) continue;
    seen[field->index] = true;
    placed.push_back({column, field});
  }
  return placed;
}

Status NativeMismatch(const Status& status, const PGresult* rows,
                      const std::vector<PlacedField>& columns, const schema::Entity& entity) {
  if (status.reason() != "MALFORMED_DATA") return status;
  const auto named = status.metadata().find("field");
  for (const auto& [column, field] : columns) {
    if (named == status.metadata().end() || field->name != named->second) continue;
    Log(Level::kError, "native query refused",
        {{"entity", entity.full_name},
         {"text", "a column is not of the type of its field; cast it"},
         {"column", field->name},
         {"type_id", static_cast<int64_t>(PQftype(rows, column))}});
  }
  return repository::NativeQueryFailed(entity);
}

}  // namespace storegate::postgres

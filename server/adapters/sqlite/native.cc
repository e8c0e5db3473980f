#include "server/adapters/sqlite/native.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/adapters/sqlite/describe_tokens.h"
#include "server/adapters/sqlite/errors.h"
#include "server/adapters/sqlite/types.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/repository/reading.h"
#include "server/repository/row_status.h"

namespace storegate::sqlite {

using repository::NativeParameter;
using repository::NativeQuery;

namespace {

// Whether a text begins as one that reads, and answers with rows: SQLite takes BEGIN, ATTACH
// and many a PRAGMA for read-only, too.
bool IsQuery(const std::string& text) {
  const std::vector<Token> tokens = Tokenize(text);
  return !tokens.empty() &&
         (tokens[0].Is("SELECT") || tokens[0].Is("WITH") || tokens[0].Is("VALUES"));
}

Status Refuse(const NativeQuery& query, std::string_view why) {
  Log(Level::kError, "native query refused",
      {{"entity", query.entity->full_name}, {"text", why}});
  return repository::NativeQueryFailed(*query.entity);
}

// Which parameter a place is, from 0: "$2" and "?2" are 1, and "?" is what it is by count.
// Empty: none.
std::optional<size_t> NumberOf(const char* name, int place) {
  if (name == nullptr) return place - 1;
  if (*name != '$' && *name != '?') return std::nullopt;
  const std::string_view digits(name + 1);
  size_t number = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size() || number == 0) {
    return std::nullopt;
  }
  return number - 1;
}

void AppendElement(const Value& value, std::string* json) {
  if (const auto* text = std::get_if<std::string>(&value)) return AppendJsonString(*text, json);
  if (const auto* flag = std::get_if<bool>(&value)) {
    *json += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    *json += std::to_string(*number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, *real);
    const std::string_view digits(buffer, end.ptr - buffer);
    // SQLite reads what is too large as infinity, and digits alone as an integer.
    if (std::isinf(*real)) {
      *json += *real > 0 ? "9e999" : "-9e999";
    } else {
      *json += digits;
      if (digits.find_first_of(".e") == std::string_view::npos) *json += ".0";
    }
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    *json += '"';
    for (const unsigned char c : bytes->data) {
      *json += "0123456789ABCDEF"[c >> 4];
      *json += "0123456789ABCDEF"[c & 15];
    }
    *json += '"';
  }
}

Value ValueOf(const NativeParameter& parameter) {
  if (!parameter.list) return parameter.values.empty() ? Value() : parameter.values[0];
  std::string json = "[";
  for (const Value& value : parameter.values) {
    if (json.size() > 1) json += ',';
    AppendElement(value, &json);
  }
  return json + ']';
}

std::vector<repository::PlacedField> Place(sqlite3_stmt* row, const schema::Entity& entity) {
  std::vector<repository::PlacedField> placed;
  std::vector<bool> seen(entity.fields.size());
  for (int column = 0; column < sqlite3_column_count(row); ++column) {
    const char* name = sqlite3_column_name(row, column);
    const schema::Field* field = name == nullptr ? nullptr : entity.Find(name);
    // Of several columns of a name the first one.
    if (field == nullptr || seen[field->index]) continue;
    seen[field->index] = true;
    placed.push_back({column, field});
  }
  return placed;
}

}  // namespace

Result<const Natives::Places*> Natives::Check(Connection* connection, const NativeQuery& query) {
  const auto found = checked_.find(query.native);
  if (found != checked_.end()) return &found->second;
  const std::string& text = query.native->sqlite;
  sqlite3* const db = connection->handle();
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(db, text.data(), static_cast<int>(text.size()), 0,
                                      &statement, &rest);
  const Prepared prepared(statement);
  if (code != SQLITE_OK) return NativeFailure(db, code, *query.entity);
  if (statement == nullptr) return Refuse(query, "there is no statement");
  if (SkipBlanks(text, rest - text.data()) < text.size()) {
    return Refuse(query, "there is more than one statement");
  }
  if (!IsQuery(text) || sqlite3_stmt_readonly(statement) == 0) {
    return Refuse(query, "it does more than read");
  }
  Places places;
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
    const std::optional<size_t> number = NumberOf(sqlite3_bind_parameter_name(statement, i), i);
    if (!number || *number >= query.parameters.size()) {
      return Refuse(query, "it has a parameter that the request has no field for");
    }
    places.push_back(*number);
  }
  return &checked_.emplace(query.native, std::move(places)).first->second;
}

Status Natives::Run(Connection* connection, const NativeQuery& query, repository::Sink* sink) {
  const Result<const Places*> places = Check(connection, query);
  if (!places.ok()) return places.status();
  Sql sql{query.native->sqlite, {}};
  for (const size_t which : **places) sql.values.push_back(ValueOf(query.parameters[which]));
  std::optional<Cursor> cursor;
  int code = connection->Start(sql, &cursor);
  if (code != SQLITE_OK) return NativeFailure(connection->handle(), code, *query.entity);
  std::vector<repository::PlacedField> columns;
  bool first = true;
  for (bool more = true; more && (code = cursor->Step()) == SQLITE_ROW; first = false) {
    if (first) columns = Place(cursor->row(), query.native->row.entity);
    Status status = ReadPlaced(cursor->row(), columns, sink, &more);
    if (status.reason() == "MALFORMED_DATA") {
      return Refuse(query, "a column is not of the type of the field " +
                               status.metadata().at("field"));
    }
    if (!status.ok()) return status;
  }
  if (code == SQLITE_ROW || code == SQLITE_DONE) return {};
  return NativeFailure(connection->handle(), code, *query.entity);
}

}  // namespace storegate::sqlite

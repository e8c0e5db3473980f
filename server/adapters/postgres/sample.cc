#include "server/adapters/postgres/sample.h"

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace storegate::postgres {
namespace {

using migrate::PulledColumn;

constexpr int kMaxLength = 10485760;  // of varchar(n), as PostgreSQL has it

// "character varying(80) COLLATE "C"" → "character varying", and the 80.
std::string Plain(std::string_view type, int* length) {
  const size_t collate = type.find(" COLLATE ");
  if (collate != std::string_view::npos) type = type.substr(0, collate);
  std::string plain(type);
  const size_t open = plain.find('(');
  const size_t close = plain.find(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return plain;
  const long number = std::strtol(plain.c_str() + open + 1, nullptr, 10);
  if (number > 0 && number <= kMaxLength) *length = static_cast<int>(number);
  plain.erase(open, close - open + 1);
  return plain;
}

void ReadType(const repository::ColumnModel& model, PulledColumn* column) {
  static const std::map<std::string, std::string> types = {
      {"boolean", "bool"},
      {"smallint", "int32"},
      {"integer", "int32"},
      {"bigint", "int64"},
      {"real", "float"},
      {"double precision", "double"},
      {"text", "string"},
      {"character varying", "string"},
      {"uuid", "string"},
      {"bytea", "bytes"},
      {"timestamp with time zone", "google.protobuf.Timestamp"},
      {"timestamp without time zone", "google.protobuf.Timestamp"},
      {"jsonb", "google.protobuf.Value"},
      {"json", "google.protobuf.Value"},
  };
  int length = 0;
  std::string plain = Plain(model.type, &length);
  const bool list = plain.size() > 2 && plain.compare(plain.size() - 2, 2, "[]") == 0;
  if (list) plain.resize(plain.size() - 2);
  const auto known = types.find(plain);
  if (known == types.end()) return;
  // Lists are arrays of what is written as such; those of others are JSON.
  if (list && (plain == "json" || plain == "jsonb" || plain == "smallint")) return;
  column->type = known->second;
  column->repeated = list;
  column->uuid = plain == "uuid";
  column->small = plain == "smallint";
  if (plain == "character varying") column->max_len = length;
}

}  // namespace

migrate::PulledDatabase PulledOf(const repository::DatabaseModel& database) {
  migrate::PulledDatabase pulled;
  for (const repository::TableModel& table : database.tables) {
    pulled.tables.push_back(migrate::PulledFromModel(table, ReadType));
  }
  return pulled;
}

}  // namespace storegate::postgres

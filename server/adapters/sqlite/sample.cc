#include "server/adapters/sqlite/sample.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/adapters/sqlite/describe.h"
#include "server/adapters/sqlite/errors.h"
#include "server/migrate/ddl.h"
#include "server/schema/names.h"

namespace storegate::sqlite {
namespace {

using migrate::PulledColumn;

constexpr int kSampledRows = 500;
// 1973 in milliseconds, 5138 in seconds.
constexpr int64_t kLeastMillis = 100000000000;
constexpr char kTimestamp[] = "google.protobuf.Timestamp";

// What was seen in a column; NULLs do not count.
struct Seen {
  int integers = 0, reals = 0, texts = 0, blobs = 0;
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t most = std::numeric_limits<int64_t>::min();
  int objects = 0, lists = 0;  // texts that begin as JSON of that kind

  int all() const { return integers + reals + texts + blobs; }
  bool millis() const { return integers > 0 && integers == all() && least >= kLeastMillis; }
};

Result<std::map<std::string, Seen>> Look(Connection* connection,
                                         const repository::TableModel& table) {
  std::map<std::string, Seen> all;
  std::string names;
  for (const repository::ColumnModel& column : table.columns) {
    names += (names.empty() ? "" : ", ") + migrate::QuoteIdentifier(column.name);
  }
  if (names.empty()) return all;
  const Sql sql{"SELECT " + names + " FROM " + migrate::QuoteIdentifier(table.name) + " LIMIT " +
                    std::to_string(kSampledRows),
                {}};
  Result<Cursor> cursor = connection->Run(sql);
  if (!cursor.ok()) return cursor.status();
  int code;
  while ((code = cursor->Step()) == SQLITE_ROW) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      Seen& seen = all[table.columns[i].name];
      const int at = static_cast<int>(i);
      switch (sqlite3_column_type(cursor->row(), at)) {
        case SQLITE_INTEGER: {
          const int64_t value = sqlite3_column_int64(cursor->row(), at);
          seen.least = std::min(seen.least, value);
          seen.most = std::max(seen.most, value);
          ++seen.integers;
          break;
        }
        case SQLITE_FLOAT: ++seen.reals; break;
        case SQLITE_TEXT: {
          const unsigned char* text = sqlite3_column_text(cursor->row(), at);
          if (text != nullptr && text[0] == '{') ++seen.objects;
          if (text != nullptr && text[0] == '[') ++seen.lists;
          ++seen.texts;
          break;
        }
        case SQLITE_BLOB: ++seen.blobs; break;
        default: break;
      }
    }
  }
  if (code != SQLITE_DONE) return ToStatus(connection->handle(), code);
  return all;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// "created_at", "sentAt", "due_time", "updated".
bool NamesTime(const std::string& name) {
  const std::string snake = schema::SnakeCase(name);
  auto ends = [&](std::string_view end) {
    return snake.size() >= end.size() &&
           snake.compare(snake.size() - end.size(), end.size(), end) == 0;
  };
  return ends("_at") || ends("_time") || ends("_on") || ends("_date") || ends("timestamp") ||
         snake == "created" || snake == "updated" || snake == "deleted";
}

// By what SQLite makes of a declared type (sqlite.org/datatype3.html, 3.1), and what is there.
// `others_millis`: another time of the table is in milliseconds.
void Read(const Seen& seen, bool others_millis, PulledColumn* column) {
  std::string said = schema::AsciiLower(column->found);
  said = said.substr(0, said.find(" collate "));
  const bool time = NamesTime(column->name);
  const size_t open = said.find('(');
  if (Has(said, "char") && open != std::string::npos) {
    column->max_len = std::max(0, std::atoi(said.c_str() + open + 1));
  }
  if (Has(said, "bool")) {
    column->type = seen.integers > 0 && (seen.least < 0 || seen.most > 1) ? "int64" : "bool";
  } else if (Has(said, "json")) {
    column->type = seen.texts > 0 && seen.objects == seen.texts ? "google.protobuf.Struct"
                   : seen.texts > 0 && seen.lists == seen.texts ? "google.protobuf.ListValue"
                                                                : "google.protobuf.Value";
  } else if (Has(said, "int")) {
    const bool likely =
        seen.all() == 0 && (others_millis || Has(column->default_value, "1000"));
    column->type = time && (seen.millis() || likely) ? kTimestamp : "int64";
  } else if (Has(said, "char") || Has(said, "clob") || Has(said, "text") || Has(said, "uuid")) {
    column->type = "string";
  } else if (Has(said, "blob")) {
    column->type = "bytes";
  } else if (Has(said, "real") || Has(said, "floa") || Has(said, "doub")) {
    column->type = "double";
  } else if (Has(said, "date") || Has(said, "time")) {
    if (seen.millis() || (seen.all() == 0 && others_millis)) column->type = kTimestamp;
    const bool text_by_default =
        seen.all() == 0 && Has(schema::AsciiLower(column->default_value), "current_");
    if ((seen.texts > 0 && seen.texts == seen.all()) || text_by_default) column->type = "string";
  }
  if (column->type.empty()) return;
  const std::string& type = column->type;
  const int fits = type == "double" ? seen.reals + seen.integers
                   : type == "string" || type.rfind("google.protobuf.", 0) == 0
                       ? (type == kTimestamp ? seen.integers : seen.texts)
                   : type == "bytes" ? seen.blobs + seen.texts
                                     : seen.integers;
  if (fits == seen.all()) return;
  column->type.clear();
  column->why = "some of what is in it is not what its type says";
}

}  // namespace

Result<migrate::PulledDatabase> Sample(Connection* connection) {
  Result<repository::DatabaseModel> database = DescribeDatabase(connection);
  if (!database.ok()) return database.status();
  migrate::PulledDatabase pulled;
  for (const repository::TableModel& table : database->tables) {
    Result<std::map<std::string, Seen>> seen = Look(connection, table);
    if (!seen.ok()) return seen.status();
    const bool millis = std::any_of(seen->begin(), seen->end(), [](const auto& each) {
      return NamesTime(each.first) && each.second.millis();
    });
    pulled.tables.push_back(migrate::PulledFromModel(
        table, [&](const repository::ColumnModel& model, PulledColumn* column) {
          Read((*seen)[model.name], millis, column);
        }));
    if (table.suffix.rfind("USING", 0) == 0) pulled.tables.back().why = "it is a virtual table";
  }
  return pulled;
}

Result<migrate::PulledDatabase> SampleFile(const std::string& path) {
  Location location;
  location.options.path = path;
  location.name = path.rfind("file:", 0) == 0 ? "./" + path : path;  // a file, not a URI
  Result<std::unique_ptr<Connection>> connection =
      Connection::Open(location, Connection::Use::kRead);
  if (!connection.ok()) return connection.status();
  return Sample(connection->get());
}

}  // namespace storegate::sqlite

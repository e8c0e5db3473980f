#include "server/adapters/mongodb/sample.h"

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/pool.h"
#include "server/schema/names.h"

namespace storegate::mongodb {
namespace {

using migrate::PulledColumn;
using migrate::PulledTable;

constexpr int kSampledDocuments = 500;
constexpr size_t kMaxFields = 1000;
constexpr int kMaxDepth = 100;
constexpr double kLargestWhole = 9007199254740992.0;  // 2^53

// As $type calls them.
std::string TypeName(bson_type_t type) {
  switch (type) {
    case BSON_TYPE_DOUBLE: return "double";
    case BSON_TYPE_UTF8: return "string";
    case BSON_TYPE_DOCUMENT: return "object";
    case BSON_TYPE_ARRAY: return "array";
    case BSON_TYPE_BINARY: return "binData";
    case BSON_TYPE_OID: return "objectId";
    case BSON_TYPE_BOOL: return "bool";
    case BSON_TYPE_DATE_TIME: return "date";
    case BSON_TYPE_REGEX: return "regex";
    case BSON_TYPE_INT32: return "int";
    case BSON_TYPE_TIMESTAMP: return "timestamp";
    case BSON_TYPE_INT64: return "long";
    case BSON_TYPE_DECIMAL128: return "decimal";
    case BSON_TYPE_NULL: return "null";
    default: return "type " + std::to_string(static_cast<int>(type));
  }
}

// Whether a google.protobuf.Value reads it, and all that is within.
bool IsJson(const bson_iter_t& at, int depth = 0) {
  switch (bson_iter_type(&at)) {
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_UTF8:
    case BSON_TYPE_BOOL:
    case BSON_TYPE_NULL:
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64: return true;
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY: {
      bson_iter_t within;
      if (depth == kMaxDepth || !bson_iter_recurse(&at, &within)) return false;
      while (bson_iter_next(&within)) {
        if (!IsJson(within, depth + 1)) return false;
      }
      return true;
    }
    default: return false;
  }
}

// What was seen in a field.
struct Seen {
  int documents = 0;          // that have it, null aside
  std::set<std::string> types;
  std::set<std::string> elements;  // of arrays
  bool whole = true;          // all doubles are whole numbers
  bool whole_elements = true;
  bool json = true;
  bool element_null = false;

  void Add(const bson_iter_t& at) {
    if (bson_iter_type(&at) == BSON_TYPE_NULL) return;
    ++documents;
    types.insert(TypeName(bson_iter_type(&at)));
    json = json && IsJson(at);
    whole = whole && IsWhole(at);
    bson_iter_t within;
    if (bson_iter_type(&at) != BSON_TYPE_ARRAY || !bson_iter_recurse(&at, &within)) return;
    while (bson_iter_next(&within)) {
      elements.insert(TypeName(bson_iter_type(&within)));
      whole_elements = whole_elements && IsWhole(within);
    }
  }

  static bool IsWhole(const bson_iter_t& at) {
    if (bson_iter_type(&at) != BSON_TYPE_DOUBLE) return true;
    const double value = bson_iter_double(&at);
    return std::abs(value) <= kLargestWhole && value == std::trunc(value);
  }
};

// The proto type of single values of these types; "" for none.
std::string ScalarOf(std::set<std::string> types, bool whole) {
  const bool fraction = types.count("double") > 0 && !whole;
  for (const char* number : {"int", "long", "double"}) {
    if (types.erase(number) > 0) types.insert("number");
  }
  if (types.size() != 1) return "";
  const std::string& type = *types.begin();
  if (type == "number") return fraction ? "double" : "int64";
  if (type == "string" || type == "bool") return type;
  if (type == "date") return "google.protobuf.Timestamp";
  return type == "binData" ? "bytes" : "";
}

std::string Joined(const std::set<std::string>& types) {
  std::string text;
  for (const std::string& type : types) text += (text.empty() ? "" : " or ") + type;
  return text;
}

void Decide(const Seen& seen, PulledColumn* column) {
  column->found = Joined(seen.types);
  if (seen.types == std::set<std::string>{"objectId"}) {
    column->type = "string";
    column->object_id = true;
    return;
  }
  column->type = ScalarOf(seen.types, seen.whole);
  if (!column->type.empty()) return;
  if (seen.types == std::set<std::string>{"array"}) {
    column->type = ScalarOf(seen.elements, seen.whole_elements);
    column->repeated = !column->type.empty();
    if (column->repeated) return;
    if (seen.json) column->type = "google.protobuf.ListValue";
    if (!seen.elements.empty()) column->found += " of " + Joined(seen.elements);
    return;
  }
  if (!seen.json) return;
  column->type = seen.types == std::set<std::string>{"object"} ? "google.protobuf.Struct"
                                                              : "google.protobuf.Value";
}

std::string TextOf(const bson_t* document, const char* name) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, document, name) || !BSON_ITER_HOLDS_UTF8(&at)) return "";
  uint32_t length = 0;
  const char* text = bson_iter_utf8(&at, &length);
  return {text, length};
}

class Sampler {
 public:
  explicit Sampler(Connection* connection) : connection_(connection) {}

  Result<migrate::PulledDatabase> Run() {
    Result<std::vector<std::string>> names = Collections();
    if (!names.ok()) return names.status();
    migrate::PulledDatabase database;
    for (const std::string& name : *names) {
      PulledTable table;
      table.name = name;
      if (Status status = Look(&table); !status.ok()) return status;
      if (Status status = Indexes(&table); !status.ok()) return status;
      database.tables.push_back(std::move(table));
    }
    return database;
  }

 private:
  Result<std::vector<std::string>> Collections() {
    Bson command;
    command.AddInt32("listCollections", 1);
    Cursor cursor(connection_, command);
    std::set<std::string> names;
    while (const bson_t* document = cursor.Next()) {
      const std::string type = TextOf(document, "type");
      const std::string name = TextOf(document, "name");
      if (!type.empty() && type != "collection") continue;
      if (name.rfind("system.", 0) == 0 || name.rfind("_storegate_", 0) == 0) continue;
      if (!name.empty()) names.insert(name);
    }
    if (!cursor.status().ok()) return cursor.status();
    return std::vector<std::string>(names.begin(), names.end());
  }

  Status Look(PulledTable* table) {
    Bson command;
    command.AddText("find", table->name).AddInt32("limit", kSampledDocuments);
    Cursor cursor(connection_, command);
    std::map<std::string, Seen> fields;
    std::vector<std::string> order;
    int documents = 0;
    while (const bson_t* document = cursor.Next()) {
      ++documents;
      bson_iter_t at;
      if (!bson_iter_init(&at, document)) continue;
      while (bson_iter_next(&at)) {
        const std::string name = bson_iter_key(&at);
        if (fields.count(name) == 0) {
          if (fields.size() == kMaxFields) continue;
          order.push_back(name);
        }
        fields[name].Add(at);
      }
    }
    if (!cursor.status().ok()) return cursor.status();
    if (documents == 0) {
      table->why = "it is empty, and nothing says what it is to hold";
      return {};
    }
    for (const std::string& name : order) {
      if (name == "_version" || name.rfind("_folded_", 0) == 0) continue;  // the gateway's own
      PulledColumn column;
      column.name = name == "_id" ? "id" : name;
      if (name == "id") column.why = "its name is that of _id in a schema";
      column.nullable = fields[name].documents < documents;
      if (fields[name].types.empty()) {
        column.why = "it is null wherever it was looked at";
      } else {
        Decide(fields[name], &column);
      }
      if (name == "_id" && column.type == "bytes") column.type.clear();
      table->columns.push_back(std::move(column));
    }
    table->primary_key = {"id"};
    return {};
  }

  Status Indexes(PulledTable* table) {
    Bson command;
    command.AddText("listIndexes", table->name);
    Cursor cursor(connection_, command);
    while (const bson_t* document = cursor.Next()) {
      table->index_names.push_back(TextOf(document, "name"));
      bson_iter_t at, key;
      const bool unique = bson_iter_init_find(&at, document, "unique") && bson_iter_as_bool(&at);
      if (!unique || !bson_iter_init_find(&at, document, "key") ||
          !BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &key)) {
        continue;
      }
      migrate::PulledUnique found;
      while (bson_iter_next(&key)) {
        found.columns.push_back(std::string(bson_iter_key(&key)));
        // Neither up nor down: hashed, text.
        if (!BSON_ITER_HOLDS_NUMBER(&key)) found.where = "for " + found.columns.back();
      }
      bson_iter_t filter;
      if (bson_iter_init_find(&filter, document, "partialFilterExpression")) {
        found.where = "a filter";
      }
      if (found.columns != std::vector<std::string>{"_id"}) table->uniques.push_back(found);
    }
    return cursor.status();
  }

  Connection* connection_;
};

}  // namespace

Result<migrate::PulledDatabase> Sample(const Options& options) {
  Result<std::shared_ptr<Pool>> pool = Pool::Make(options);
  if (!pool.ok()) return pool.status();
  Result<std::unique_ptr<Connection>> connection =
      Connection::Open(*pool, (*pool)->ConnectUntil());
  if (!connection.ok()) return connection.status();
  (*connection)->Begin(Deadline::max());
  return Sampler(connection->get()).Run();
}

}  // namespace storegate::mongodb

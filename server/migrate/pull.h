// Pull: protos for a database that is older than they are. What an adapter says is there
// (PulledDatabase) becomes .proto files that describe it, with the options of
// storegate/v1/schema.proto. Pure: reads no database, writes no file. Any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/repository/database_model.h"

namespace storegate::migrate {

struct PulledColumn {
  std::string name;
  // As a proto calls it: "int64", "string", "google.protobuf.Struct"; "" where storegate has
  // no type that holds what is in it: the column is left out.
  std::string type;
  bool repeated = false;
  bool nullable = true;
  bool uuid = false;
  bool object_id = false;           // text by its type in a proto, an ObjectId where it is kept
  int max_len = 0;                  // of text; 0: none
  bool small = false;               // holds 16 bits
  std::vector<std::string> values;  // all that it may hold, where that is said; of text
  std::string found;                // how the database calls its type: "numeric(10,2)"
  std::string why;                  // of one that is left out, where not for its type
  std::string default_value;        // as the database writes it; "" for none
};

struct PulledUnique {
  std::vector<std::string> columns;
  std::string where;  // as the database writes it; "" for none
};

struct PulledReference {
  std::string column;
  std::string table;
  std::string target;
};

struct PulledTable {
  std::string name;
  std::vector<PulledColumn> columns;
  std::vector<std::string> primary_key;  // column names
  std::vector<PulledUnique> uniques;
  std::vector<PulledReference> references;
  std::vector<std::string> index_names;  // of all its indexes
  std::string why;                       // not empty: left out, and why
};

struct PulledDatabase {
  std::vector<PulledTable> tables;
};

// A table that was read from a SQL database. `type_of` fills type, repeated, uuid, max_len,
// small and values, where the type itself says them, of a column whose name and `found` are
// set. What the gateway keeps for itself (_version, folded columns) is left away.
using TypeReader = std::function<void(const repository::ColumnModel&, PulledColumn*)>;
PulledTable PulledFromModel(const repository::TableModel& table, const TypeReader& type_of);

// What a CHECK lets the column hold: `"c" IN ('a', 'b')`, or what PostgreSQL makes of it,
// `(c = ANY (ARRAY['a'::text, 'b'::text]))`. Empty where it says something else.
std::vector<std::string> AllowedValues(const std::string& check, const std::string& column);

struct PullResult {
  // Path below the folder ("data/v1/book_store.proto") and text.
  std::vector<std::pair<std::string, std::string>> files;
  // For people: what was left out of what, and why; one line each.
  std::vector<std::string> left_out;
};

// One file a table, in the folder of the package. The texts load without mistakes, and what
// they say of a column is what is there: reading what another program wrote goes on working.
// INVALID_ARGUMENT, reason INVALID_PACKAGE, for a package that cannot be; FAILED_PRECONDITION,
// reason NOTHING_TO_PULL, where there is no table that a proto can describe.
Result<PullResult> WriteProtos(const PulledDatabase& database, const std::string& package);

}  // namespace storegate::migrate

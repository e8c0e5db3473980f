// The indexes that an entity's table or collection gets, as far as queries can use them.
// What migrations make of them is in server/migrate/ddl.h and adapters/mongodb/generator.cc;
// tests/adapters hold their names against these.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/query/predicate.h"
#include "server/schema/schema.h"

namespace storegate::query {

// Kinds of databases that make or read indexes differently.
enum class Engine { kSqlite, kPostgres, kMongodb };

// By Backend::kind. Empty for one that nothing is known of.
std::optional<Engine> EngineNamed(std::string_view kind);
// For people: "SQLite".
std::string_view NameOf(Engine engine);

// The name of the id's own key, which each kind of database calls differently.
inline constexpr std::string_view kIdKey = "(id)";

struct TableIndex {
  std::string name;  // as migrations name it, or kIdKey
  // The id behind those that were declared is among them. A null field is what MongoDB tells
  // deleted documents apart by.
  std::vector<schema::IndexField> columns;
  // The first so many columns have different values in each record; 0: they need not.
  size_t unique = 0;
  // Only records for which all of these hold are in it.
  std::vector<Predicate> where;
  // Only those that are not deleted, or only those that are.
  enum class Rows { kAll, kLiving, kDeleted };
  Rows rows = Rows::kAll;
  // Records without the first column's value are not in it.
  bool sparse = false;
  // Of substrings of the searchable fields' folded texts; `columns` are these fields.
  bool trigrams = false;
};

// The id's key first. `entity` is one that is kept in a table.
std::vector<TableIndex> IndexesOf(const schema::Entity& entity, Engine engine);

// What a predicate is the conjunction of; none for one that is always true.
std::vector<const Predicate*> Conditions(const Predicate& predicate);

// Whether each record that the conditions hold for is in the index. Of what databases can
// prove, that is; `show_deleted` false: the query asks for living records alone.
bool Includes(const TableIndex& index, const std::vector<const Predicate*>& conditions,
              bool show_deleted, Engine engine);

}  // namespace storegate::query

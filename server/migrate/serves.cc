#include "server/migrate/serves.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/migrate/ddl.h"
#include "server/migrate/pull.h"

namespace storegate::migrate {

using repository::ColumnModel;
using repository::DatabaseModel;
using repository::IndexModel;
using repository::TableModel;

namespace {

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Whether a column that may be null by the schema is null in no record all the same.
bool IsAlwaysWritten(const ColumnModel& column) {
  if (column.field == nullptr) return false;
  const schema::Role role = column.field->role;
  return column.field->required || role == schema::Role::kId ||
         role == schema::Role::kCreateTime || role == schema::Role::kUpdateTime;
}

// A CHECK that lets the column hold less than its enum has: all that the gateway writes.
bool AllowsTheEnum(const ColumnModel& is, const ColumnModel& should) {
  const schema::Field* field = should.field;
  if (field == nullptr || field->type != schema::Type::kEnum) return false;
  const std::vector<std::string> allowed = AllowedValues(is.check, is.name);
  if (allowed.empty()) return false;
  std::set<std::string> wanted;
  for (const std::string& value : AllowedValues(should.check, should.name)) wanted.insert(value);
  for (const std::string& value : allowed) {
    // What is no value of the enum's could not be read.
    if (wanted.erase(value) == 0) return false;
  }
  if (field->required) wanted.erase(std::string(field->enum_type->NameOf(0)));
  return wanted.empty();
}

bool CheckServes(const ColumnModel& is, const ColumnModel& should) {
  return is.check == should.check || should.check.empty() || AllowsTheEnum(is, should);
}

bool IsKey(const TableModel& table, const ColumnModel& column) {
  return Has(column.rest, "PRIMARY KEY") ||
         std::ranges::find(table.constraints, "PRIMARY KEY (" + QuoteIdentifier(column.name) +
                                                  ")") != table.constraints.end();
}

bool RestServes(const Generator& generator, const TableModel& table, const ColumnModel& is,
                const ColumnModel& should) {
  if (is.rest == should.rest) return true;
  // It cannot be written, or a write that breaks a rule is no error.
  if (Has(is.rest, "GENERATED ALWAYS AS (") || Has(is.rest, "ON CONFLICT")) return false;
  if (generator.CountsIds(should) && !generator.CountsIds(is)) return false;
  return IsKey(table, is) == Has(should.rest, "PRIMARY KEY");
}

}  // namespace

void TellFields(const DatabaseModel& made, DatabaseModel* database) {
  for (TableModel& table : database->tables) {
    const TableModel* by_schema = made.Table(table.name);
    if (by_schema == nullptr) continue;
    table.entity = by_schema->entity;
    for (ColumnModel& column : table.columns) {
      const ColumnModel* of = by_schema->Column(column.name);
      if (of == nullptr) continue;
      column.field = of->field;
      column.folded = of->folded;
    }
  }
}

bool SameDefinition(const ColumnModel& a, const ColumnModel& b) {
  return a.type == b.type && a.not_null == b.not_null && a.default_value == b.default_value &&
         a.check == b.check && a.rest == b.rest;
}

ColumnModel Served(const Generator& generator, const TableModel& table, const ColumnModel& is,
                   const ColumnModel& should) {
  ColumnModel served = should;
  if (generator.TypeServes(is.type, should.type)) served.type = is.type;
  if (CheckServes(is, should)) {
    served.check = is.check;
    served.check_name = is.check_name;
  }
  if (RestServes(generator, table, is, should)) served.rest = is.rest;
  if (is.not_null && IsAlwaysWritten(should)) served.not_null = true;
  // What is null in rows that are there is filled with the schema's.
  const bool fills = should.not_null && !is.not_null && is.default_value.empty();
  if (!fills) served.default_value = is.default_value;
  return served;
}

bool Serves(const Generator& generator, const TableModel& table, const ColumnModel& is,
            const ColumnModel& should) {
  return SameDefinition(Served(generator, table, is, should), is);
}

bool HasIndexLike(const TableModel& table, const IndexModel& wanted) {
  const bool index = std::ranges::any_of(table.indexes, [&](const IndexModel& each) {
    return each.unique == wanted.unique && each.definition == wanted.definition && each.valid;
  });
  if (index) return true;
  if (!wanted.unique) return false;
  return std::ranges::any_of(table.columns,
                             [&](const ColumnModel& column) {
                               return Has(column.rest, "UNIQUE") &&
                                      !Has(column.rest, "ON CONFLICT") &&
                                      wanted.definition == "(" + QuoteIdentifier(column.name) + ")";
                             }) ||
         std::ranges::find(table.constraints, "UNIQUE " + wanted.definition) !=
             table.constraints.end();
}

}  // namespace storegate::migrate

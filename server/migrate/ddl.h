// The one generator of DDL: schema → CREATE TABLE, CREATE INDEX. What differs
// between SQL databases is a Dialect, which each adapter has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/schema/schema.h"

namespace storegate::migrate {

class Dialect {
 public:
  virtual ~Dialect() = default;

  // "INTEGER", "text COLLATE \"C\"" …: the column type of a stored field.
  virtual std::string ColumnType(const schema::Field& field) const = 0;
  // The literal of a plain field's zero, for NOT NULL DEFAULT.
  virtual std::string ZeroLiteral(const schema::Field& field) const = 0;
  // The whole definition of the id's column.
  virtual std::string IdColumn(const schema::Field& field) const = 0;
  // Text type of the columns that the gateway adds (_folded_…), and the
  // definition of _version.
  virtual std::string TextType() const = 0;
  virtual std::string VersionType() const = 0;
  // Behind the closing parenthesis of a table: " STRICT".
  virtual std::string TableSuffix() const = 0;
  // A CHECK behind an enum's column, or "".
  virtual std::string EnumCheck(const schema::Field& field) const = 0;
  // One column of an index: quoted name, direction, null order where needed.
  virtual std::string IndexColumn(const schema::IndexField& field) const = 0;
  // A predicate without request values, as SQL with literals (partial indexes).
  virtual std::string PredicateSql(const schema::Entity& entity, std::string_view where) const = 0;
};

// "name" with quotes doubled.
std::string QuoteIdentifier(std::string_view name);

// Statements in order, each ending in ";\n". Tables come so that a table follows
// those it refers to, where that is possible.
std::string CreateTableSql(const Dialect& dialect, const schema::Entity& entity);
std::string CreateSql(const Dialect& dialect, const std::vector<const schema::Entity*>& entities);

// Columns that the entity's table has, gateway's own included.
std::vector<std::string> ColumnNames(const schema::Entity& entity);

}  // namespace storegate::migrate

// DDL as PostgreSQL has it.
#pragma once

#include "server/migrate/ddl.h"

namespace storegate::postgres {

class PostgresDdl : public migrate::Dialect {
 public:
  std::string ColumnType(const schema::Field& field) const override;
  std::string ZeroLiteral(const schema::Field& field) const override;
  std::string IdColumn(const schema::Field& field) const override;
  std::string TextType() const override { return "text COLLATE \"C\""; }
  std::string VersionType() const override { return "bigint NOT NULL DEFAULT 0"; }
  std::string TableSuffix() const override { return ""; }
  std::string EnumCheck(const schema::Field& field) const override;
  std::string IndexColumn(const schema::IndexField& field) const override;
  Result<std::string> PredicateSql(const schema::Entity& entity,
                                   std::string_view where) const override;
  bool InlineReferences() const override { return false; }
};

// ` DESC NULLS LAST`: how an index has the field, and how a list is ordered by it.
// Nulls first ascending and last descending is the contract. What cannot be null
// is left as PostgreSQL has it: so the index of a primary key serves as well.
std::string Direction(const schema::Field& field, bool descending);

}  // namespace storegate::postgres

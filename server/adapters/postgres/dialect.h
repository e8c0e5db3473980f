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

  // alter.cc. Online, so that nobody waits for long: checks and foreign keys are made NOT
  // VALID and validated in a transaction of their own, rows are filled in batches, and NOT
  // NULL is set by a check that was validated. A change of type writes the table anew, and
  // holds it meanwhile.
  std::string AlterTable(const std::vector<migrate::Change>& changes,
                         const repository::TableModel& before,
                         const repository::TableModel& after,
                         const migrate::RenderOptions& options) const override;
  std::string AddReference(const std::string& table, const repository::ReferenceModel& reference,
                           const migrate::RenderOptions& options) const override;
  // One whose name is not known is found by its column.
  std::string DropReference(const std::string& table,
                            const repository::ReferenceModel& reference) const override;
  std::string CreateIndex(const std::string& table, const repository::IndexModel& index,
                          const migrate::RenderOptions& options) const override;
  std::string SearchIndex(const schema::Entity& entity) const override;
  std::string BeforeIndex(const repository::IndexModel& index) const override;
  std::string DropIndex(const std::string& table, const repository::IndexModel& index,
                        const migrate::RenderOptions& options) const override;
  bool CountsIds(const repository::ColumnModel& column) const override;
};

// ` DESC NULLS LAST`: how an index has the field, and how a list is ordered by it.
// Nulls first ascending and last descending is the contract. What cannot be null
// is left as PostgreSQL has it: so the index of a primary key serves as well.
std::string Direction(const schema::Field& field, bool descending);

}  // namespace storegate::postgres

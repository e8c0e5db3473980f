// SQLite's side of the generator of DDL (migrate/ddl.h).
#pragma once

#include "server/migrate/ddl.h"

namespace storegate::sqlite {

// STRICT rowid tables, so that no program can put a text where a number belongs.
// Text compares by byte (BINARY), which is the order of code points in UTF-8.
class SqliteDdl : public migrate::Dialect {
 public:
  std::string ColumnType(const schema::Field& field) const override;
  std::string ZeroLiteral(const schema::Field& field) const override;
  std::string IdColumn(const schema::Field& field) const override;
  std::string TextType() const override { return "TEXT"; }
  std::string VersionType() const override { return "INTEGER NOT NULL DEFAULT 0"; }
  std::string TableSuffix() const override { return " STRICT"; }
  std::string EnumCheck(const schema::Field& field) const override;
  std::string IndexColumn(const schema::IndexField& field) const override;
  std::string AlterTable(const std::vector<migrate::Change>& changes,
                         const repository::TableModel& before,
                         const repository::TableModel& after,
                         const migrate::RenderOptions& options) const override;
  bool ReferencesWithTable() const override { return true; }
  // Nothing is built beside others: all of a script is one transaction.
  std::string CreateIndex(const std::string& table, const repository::IndexModel& index,
                          const migrate::RenderOptions& options) const override;
  std::string DropIndex(const std::string& table, const repository::IndexModel& index,
                        const migrate::RenderOptions& options) const override;
  // By affinity.
  bool TypeServes(std::string_view is, std::string_view should) const override;
  bool CountsIds(const repository::ColumnModel& column) const override;
  std::string DefaultLiteral(const schema::Field& field) const override;
  migrate::SqlSyntax Syntax() const override {
    return {.nested_comments = false,
            .dollar_quotes = false,
            .escape_strings = false,
            .other_identifiers = true};
  }
  Result<std::string> PredicateSql(const schema::Entity& entity,
                                   std::string_view where) const override;
};

}  // namespace storegate::sqlite

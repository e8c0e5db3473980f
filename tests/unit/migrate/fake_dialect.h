// Two dialects that name what they are asked for: one whose foreign keys and indexes are
// changed by themselves while others use the table, and one that changes all with the table.
#pragma once

#include <string>

#include "server/migrate/ddl.h"

namespace storegate::migrate {

class FakeDialect : public Dialect {
 public:
  explicit FakeDialect(bool with_table = false) : with_table_(with_table) {}

  std::string ColumnType(const schema::Field& field) const override {
    std::string name = field.value->type_name();
    if (field.type == schema::Type::kEnum) name = "text";
    if (field.format == schema::Format::kUuid) name = "uuid";
    if (with_table_ && (name == "int32" || name == "int64" || name == "uint32")) name = "INTEGER";
    return field.presence == schema::Presence::kRepeated ? name + "[]" : name;
  }
  std::string ZeroLiteral(const schema::Field& field) const override {
    if (field.type == schema::Type::kEnum) {
      return "'" + std::string(field.enum_type->NameOf(0)) + "'";
    }
    return field.type == schema::Type::kString ? "''" : "0";
  }
  std::string IdColumn(const schema::Field& field) const override {
    return ColumnType(field) + " NOT NULL PRIMARY KEY";
  }
  std::string TextType() const override { return "string"; }
  std::string VersionType() const override { return "int64 NOT NULL DEFAULT 0"; }
  std::string TableSuffix() const override { return with_table_ ? " STRICT" : ""; }
  std::string EnumCheck(const schema::Field& field) const override { return EnumCheckSql(field); }
  std::string IndexColumn(const schema::IndexField& field) const override {
    return QuoteIdentifier(field.field->column) + (field.descending ? " DESC" : "");
  }
  Result<std::string> PredicateSql(const schema::Entity&, std::string_view where) const override {
    return "<" + std::string(where) + ">";
  }
  std::string SearchIndex(const schema::Entity& entity) const override {
    if (with_table_) return "";
    std::string columns;
    for (const schema::Field* field : entity.searchable) {
      columns += (columns.empty() ? "(" : ", ") + QuoteIdentifier(field->folded_column());
    }
    return "USING parts " + columns + ")";
  }
  std::string BeforeIndex(const repository::IndexModel& index) const override {
    return index.definition.starts_with("USING parts") ? "NEED parts;\n" : "";
  }
  bool InlineReferences() const override { return with_table_; }
  bool ReferencesWithTable() const override { return with_table_; }

  std::string AlterTable(const std::vector<Change>& changes, const repository::TableModel& before,
                         const repository::TableModel& after,
                         const RenderOptions&) const override {
    std::string text = "ALTER " + after.name + "(";
    for (size_t i = 0; i < before.columns.size(); ++i) {
      text += (i == 0 ? "" : " ") + before.columns[i].name;
    }
    text += " ->";
    for (const auto& column : after.columns) text += " " + column.name;
    text += "):";
    for (const Change& change : changes) text += " " + DescribeChange(change) + ";";
    for (const auto& index : before.indexes) text += " keep " + index.name + ";";
    return text + "\n";
  }
  std::string AddReference(const std::string& table, const repository::ReferenceModel& reference,
                           const RenderOptions&) const override {
    return "ADD FK " + table + "." + reference.column + ReferencesText(reference) + ";\n";
  }
  std::string DropReference(const std::string& table,
                            const repository::ReferenceModel& reference) const override {
    return "DROP FK " + table + "." + reference.column + ReferencesText(reference) + ";\n";
  }
  std::string CreateIndex(const std::string& table, const repository::IndexModel& index,
                          const RenderOptions& options) const override {
    return Beside(CreateIndexText(table, index), options);
  }
  std::string DropIndex(const std::string& table, const repository::IndexModel& index,
                        const RenderOptions& options) const override {
    return Beside("DROP INDEX " + index.name + " OF " + table + ";\n", options);
  }

 private:
  std::string Beside(const std::string& sql, const RenderOptions& options) const {
    if (!options.online || with_table_) return sql;
    return "-- storegate: no transaction\n" + sql + "-- storegate: transaction\n";
  }

  const bool with_table_;
};

}  // namespace storegate::migrate

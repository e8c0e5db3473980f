// SqlGenerator: the scripts of a SQL database, by its dialect (ddl.h).
#pragma once

#include "server/migrate/ddl.h"
#include "server/migrate/generator.h"

namespace storegate::migrate {

class SqlGenerator : public Generator {
 public:
  // `dialect` outlives the generator.
  explicit SqlGenerator(const Dialect& dialect, std::string_view folder)
      : dialect_(dialect), folder_(folder) {}

  std::string CreateAll(const std::vector<const schema::Entity*>& database) const override {
    return CreateSql(dialect_, database);
  }
  std::string Create(const schema::Entity& entity,
                     const std::vector<const schema::Entity*>& database) const override {
    return CreateTableSql(dialect_, entity, database);
  }
  std::string Finish(const schema::Entity& entity,
                     const std::vector<const schema::Entity*>& database) const override {
    return AddReferencesSql(dialect_, entity, database);
  }
  Status Check(const std::vector<const schema::Entity*>& entities) const override {
    return CheckIndexes(dialect_, entities);
  }
  std::vector<std::string> Parts(const schema::Entity& entity) const override {
    return ColumnNames(entity);
  }
  repository::DatabaseModel Model(
      const std::vector<const schema::Entity*>& database) const override {
    return ModelOf(dialect_, database);
  }
  std::string Render(const std::vector<Change>& changes, const repository::DatabaseModel& after,
                     const RenderOptions& options) const override;
  Result<Script> Steps(const std::string& file, std::string_view text) const override;
  std::string Significant(std::string_view text) const override;
  bool TypeServes(std::string_view is, std::string_view should) const override {
    return dialect_.TypeServes(is, should);
  }
  bool CountsIds(const repository::ColumnModel& column) const override {
    return dialect_.CountsIds(column);
  }
  std::string_view folder() const override { return folder_; }
  std::string_view table_word() const override { return "table"; }
  std::string_view part_word() const override { return "column"; }
  std::string_view file_suffix() const override { return ".up.sql"; }

 private:
  const Dialect& dialect_;
  const std::string_view folder_;
};

}  // namespace storegate::migrate

// Applies what is pending, checks what is there.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/generator.h"
#include "server/repository/migrator.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

struct Migration {
  int number = 0;
  std::string name;  // "0001_create_tables"
  std::string sql;
};

// Files as "0001_name.up.sql", by Generator::file_suffix → migrations in order.
// INVALID_ARGUMENT naming the file: a name that is not so, a number twice.
Result<std::vector<Migration>> ParseMigrations(
    const std::vector<std::pair<std::string, std::string>>& name_and_text,
    std::string_view suffix);

// Of the statements alone: comments and white space do not count. Hex.
std::string Checksum(std::string_view sql);

// Under the lock: applies those that the history does not have. `applied` gets
// their names when all went well; where one fails, a database whose lock is a
// transaction (SQLite) keeps none, others keep those before it.
// FAILED_PRECONDITION, reason MIGRATION_CHANGED, when one that was applied has
// another checksum now; reason DATABASE_AHEAD when the history has a number that is
// not among them; reason MIGRATION_FAILED when the database refuses one.
Status Up(repository::Migrator& migrator, const std::vector<Migration>& migrations,
          std::vector<std::string>* applied);

// Makes the tables of `entities`, which are all that are kept in the database, that
// are missing, under the lock; where the generator is repeatable, also what a table
// lacks. `created` gets the names of the collections. FAILED_PRECONDITION as in
// Generator::Check, or reason MIGRATION_FAILED.
Status CreateTables(repository::Migrator& migrator, const Generator& generator,
                    const std::vector<const schema::Entity*>& entities,
                    std::vector<std::string>* created);

// FAILED_PRECONDITION, reason TABLE_MISMATCH, naming every table and every part of one
// that the schema needs and the database lacks, and what to do.
Status CheckTables(repository::Migrator& migrator, const Generator& generator,
                   const std::vector<const schema::Entity*>& entities);

}  // namespace storegate::migrate

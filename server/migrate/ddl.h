// The one generator of DDL: schema → CREATE TABLE, CREATE INDEX. What differs
// between SQL databases is a Dialect, which each adapter has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/generator.h"
#include "server/query/predicate.h"
#include "server/repository/database_model.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

struct SqlSyntax {
  bool nested_comments = true;    // /* /* */ */ is one comment
  bool dollar_quotes = true;      // $tag$ … $tag$
  bool escape_strings = true;     // E'it\'s'
  bool other_identifiers = false;  // `a` and [a]
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  // "INTEGER", "text COLLATE \"C\"" …: the column type of a stored field.
  virtual std::string ColumnType(const schema::Field& field) const = 0;
  // The literal of a plain field's zero, for NOT NULL DEFAULT.
  virtual std::string ZeroLiteral(const schema::Field& field) const = 0;
  // The whole definition of the id's column: its type, then, where it has them, in this
  // order, NOT NULL, DEFAULT …, and what begins with GENERATED or PRIMARY KEY. VersionType
  // is of the same form.
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
  // --- Changes of what is there (Generator::Render) ---

  // Statements for changes of one table that is there before and after: kRenameColumn,
  // kAddColumn, kAlterColumn, kDropColumn, kAlterTable, and, where ReferencesWithTable,
  // kAddReference and kDropReference too; in this order. `before` is the table as it is
  // right before them, under the name of `after`. Where foreign keys are not changed with the
  // table, it may be called twice for one table: first for all but the dropped columns, then,
  // when indexes and foreign keys are made, for those.
  // A column that differs in several ways is one kAlterColumn; one that was renamed too has a
  // kRenameColumn before it. What becomes NOT NULL is filled with its default first. Where
  // an enum's values are gone, no row holds one of them any more.
  // Indexes are not its business: those that differ or go are dropped by then, and made again
  // behind it. A dialect that makes the table anew makes the others again: those of
  // `before.indexes`, as `after` has them.
  virtual std::string AlterTable(const std::vector<Change>& changes,
                                 const repository::TableModel& before,
                                 const repository::TableModel& after,
                                 const RenderOptions& options) const = 0;
  // Whether foreign keys can be changed only with the table (SQLite).
  virtual bool ReferencesWithTable() const { return false; }
  // Foreign keys of tables as they are called at that time. `reference.name` is "" where it is
  // not known, and a constraint that was not named keeps the name that it got before its table
  // or column was renamed: a dialect finds it by what it does. To drop one that is not there
  // is no error: which there are depends on where stores live. Not called where
  // ReferencesWithTable.
  virtual std::string AddReference(const std::string& table,
                                   const repository::ReferenceModel& reference,
                                   const RenderOptions& options) const {
    (void)table, (void)reference, (void)options;
    return "";
  }
  virtual std::string DropReference(const std::string& table,
                                    const repository::ReferenceModel& reference) const {
    (void)table, (void)reference;
    return "";
  }
  // With directives around them where they cannot be in a transaction: then they begin and
  // end with one, the last being `-- storegate: transaction`. Render takes out those that
  // change nothing.
  virtual std::string CreateIndex(const std::string& table, const repository::IndexModel& index,
                                  const RenderOptions& options) const = 0;
  virtual std::string DropIndex(const std::string& table, const repository::IndexModel& index,
                                const RenderOptions& options) const = 0;
  // The definition of the index that serves `search` of the entity, of substrings of its folded
  // columns; "" where this database has none. REQUIRES: the entity has searchable fields.
  virtual std::string SearchIndex(const schema::Entity& entity) const {
    (void)entity;
    return "";
  }
  // What is to be there before the index is made, as statements that change nothing where it
  // is and may be part of a transaction: an extension. "" for nothing.
  virtual std::string BeforeIndex(const repository::IndexModel& index) const {
    (void)index;
    return "";
  }

  // See Generator.
  virtual bool TypeServes(std::string_view is, std::string_view should) const {
    return is == should;
  }
  virtual bool CountsIds(const repository::ColumnModel& column) const {
    (void)column;
    return false;
  }

  // A field's `default`, as a literal (a new column is filled with it). What it gives where
  // it is not overridden: numbers as they are, true, false, 'text'.
  virtual std::string DefaultLiteral(const schema::Field& field) const;
  // How texts of this database are read, apart from standard SQL.
  virtual SqlSyntax Syntax() const { return {}; }

  // Whether a foreign key may be part of CREATE TABLE before what it refers to is
  // there. Where not, foreign keys are added when all tables and indexes are.
  virtual bool InlineReferences() const { return true; }
  // A predicate without request values, as SQL with literals (partial indexes).
  // FAILED_PRECONDITION, reason UNSUPPORTED_INDEX, when this database cannot have
  // an index with it.
  virtual Result<std::string> PredicateSql(const schema::Entity& entity,
                                           std::string_view where) const = 0;
};

// ` CHECK ("c" IN ('A', 'B'))` of a column that holds an enum's name, else "".
std::string EnumCheckSql(const schema::Field& field);
// The predicate of an index, for PredicateSql.
Result<query::Predicate> IndexPredicate(const schema::Entity& entity, std::string_view where);

// `-- text`: one line whatever is in the text, which may be a name out of a database.
std::string CommentLine(std::string text);
// "name" with quotes doubled.
std::string QuoteIdentifier(std::string_view name);

// Statements in order, each ending in ";\n": the tables, each behind those that it
// refers to where that is possible, then their indexes. What a table gets:
//   - a column for each stored field, in their order, then what the gateway adds:
//     _folded_<column> for searchable fields, and _version;
//   - a foreign key for a reference to one of `database`, the entities that are
//     kept in the same database;
//   - the declared indexes. One that is not unique has the id appended, one that
//     is unique among the living has `delete_time IS NULL`;
//   - an index on each reference that no other index begins with: a row that is to
//     go is looked for there;
//   - for what is unique among the living, an index of the deleted rows too, so
//     that a look-up of a value that is not there reads no whole table;
//   - where the entity asks for it (search_index) and the database has one, an index of
//     the substrings of its folded columns.
// The text depends on the schema alone. An index that CheckIndexes refuses is left
// out, with a comment in its place.
std::string CreateSql(const Dialect& dialect, const std::vector<const schema::Entity*>& database);
// The same for one table of the database.
std::string CreateTableSql(const Dialect& dialect, const schema::Entity& entity,
                           const std::vector<const schema::Entity*>& database);
// The foreign keys of the table, for when all others are there; "" where they are
// part of CreateTableSql.
std::string AddReferencesSql(const Dialect& dialect, const schema::Entity& entity,
                             const std::vector<const schema::Entity*>& database);

// The one that is kept in the table; null when there is none.
const schema::Entity* EntityOf(const std::vector<const schema::Entity*>& entities,
                               std::string_view table);

// The entities in the order in which CreateSql makes their tables.
std::vector<const schema::Entity*> CreationOrder(
    const std::vector<const schema::Entity*>& database);

// What this kind of database cannot have of the entities' indexes, with file and
// line: FAILED_PRECONDITION, reason UNSUPPORTED_INDEX.
Status CheckIndexes(const Dialect& dialect, const std::vector<const schema::Entity*>& entities);

// The same tables as a model, in the order of CreationOrder: CreateSql is the text of this.
// Columns have their `field`, `folded` ones the field that they are folded from; _version has
// none. Indexes that CheckIndexes refuses are left out. References are those to `database`.
repository::DatabaseModel ModelOf(const Dialect& dialect,
                                  const std::vector<const schema::Entity*>& database);
// `"a" text NOT NULL DEFAULT ''`: a column's line in CREATE TABLE, foreign keys aside.
std::string ColumnSql(const repository::ColumnModel& column);
// `CREATE TABLE … (…);\n` of it, without its indexes; `references` behind the definitions of
// their columns.
std::string CreateTableText(const repository::TableModel& table,
                            const std::vector<repository::ReferenceModel>& references);
// ` REFERENCES "authors" ("id")`.
std::string ReferencesText(const repository::ReferenceModel& reference);
// `CREATE UNIQUE INDEX … ON … (…);\n`.
std::string CreateIndexText(const std::string& table, const repository::IndexModel& index);
// 'it''s'.
std::string QuoteText(std::string_view text);

// Columns that the entity's table has, gateway's own included.
std::vector<std::string> ColumnNames(const schema::Entity& entity);

}  // namespace storegate::migrate

// Changes: what turns one model of a database into another.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/repository/database_model.h"

namespace storegate::migrate {

using repository::ColumnModel;
using repository::DatabaseModel;
using repository::IndexModel;
using repository::ReferenceModel;
using repository::TableModel;

struct Change {
  enum class Kind {
    kAddTable,      // with its columns and indexes; its foreign keys are kAddReference
    kDropTable,     // with all that belongs to it
    kRenameTable,   // `was` → `table`
    kAddColumn,
    kDropColumn,
    kRenameColumn,  // `was` → `name`
    kAlterColumn,   // type, null, default, check or rest: see which differ
    kAddIndex,
    kDropIndex,     // one that differs is dropped and added, each with both index_…
    kAddReference,  // foreign key; also of a new table
    // Also of a table that goes, where another that goes before it is referred to.
    kDropReference,
    // The columns that are there before and after are in another order: nothing to do, and
    // nothing that Render makes anything of; said by verify only.
    kReorderColumns,
    kAlterTable,  // its constraints, or what is behind the closing parenthesis
  };
  Kind kind = Kind::kAddTable;
  std::string table;  // as it is called afterwards
  std::string name;   // column, index, or the referring column; as it is called afterwards
  std::string was;    // renames: the name before
  // What is changed, as it was and as it will be; null where there is none. They point
  // into the models given to Diff.
  const TableModel* table_before = nullptr;
  const TableModel* table_after = nullptr;
  const ColumnModel* column_before = nullptr;
  const ColumnModel* column_after = nullptr;
  const IndexModel* index_before = nullptr;
  const IndexModel* index_after = nullptr;
  const ReferenceModel* reference_before = nullptr;
  const ReferenceModel* reference_after = nullptr;
};

// Renames that were asked for: never guessed.
struct Renames {
  std::map<std::string, std::string> tables;  // before → after
  // (table as it is called afterwards, column before) → column after.
  std::map<std::pair<std::string, std::string>, std::string> columns;

  // What the table or column that is called so afterwards is called before: the same where it
  // keeps its name. The table as it is called afterwards.
  const std::string& TableBefore(const std::string& after) const;
  const std::string& ColumnBefore(const std::string& table, const std::string& after) const;

  // The same, the other way round.
  Renames Reversed() const;
};

// What turns `before` into `after`, in an order in which it can be done: foreign keys and
// indexes that go first, then renames, new tables, columns, indexes, foreign keys, and
// dropped columns and tables last. Texts are compared as they are, but for the quoted names
// of renamed columns in them: a database follows a rename in its indexes and checks. Names of
// constraints are not compared. Both models outlive the result. A folded column follows the
// renamed one that it is folded from.
std::vector<Change> Diff(const DatabaseModel& before, const DatabaseModel& after,
                         const Renames& renames = {});

// For people, one line, without a full stop: "the column books.title is text, not uuid".
// Says what the database has (`before`) against what it should have (`after`). "" for the
// kAddIndex of an index that differs: its kDropIndex says it all. `table_word` is
// Generator::table_word; what a "collection" has is called fields.
std::string DescribeDrift(const Change& change, std::string_view table_word = "table");
// For people: "add the column books.title". "" for what is nothing to do.
std::string DescribeChange(const Change& change, std::string_view table_word = "table");

}  // namespace storegate::migrate

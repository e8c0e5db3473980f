#include "server/adapters/sqlite/alter.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <sqlite3.h>

#include "server/adapters/sqlite/describe_tokens.h"
#include "server/migrate/ddl.h"

namespace storegate::sqlite {

using migrate::Change;
using migrate::QuoteIdentifier;
using repository::ColumnModel;
using repository::IndexModel;
using repository::ReferenceModel;
using repository::TableModel;

namespace {

using Kind = Change::Kind;

bool HasWord(std::string_view sql, std::string_view word) {
  return std::ranges::any_of(Tokenize(sql), [&](const Token& token) { return token.Is(word); });
}

bool Names(std::string_view sql, const std::string& column) {
  return std::ranges::any_of(Tokenize(sql), [&](const Token& token) {
    return token.names() && sqlite3_stricmp(token.Name().c_str(), column.c_str()) == 0;
  });
}

bool Generated(const ColumnModel& column) {
  return HasWord(column.rest, "GENERATED") || HasWord(column.rest, "AS");
}

std::vector<ReferenceModel> ReferencesOf(const TableModel& table, const std::string& column) {
  std::vector<ReferenceModel> references;
  for (const ReferenceModel& reference : table.references) {
    if (reference.column == column) references.push_back(reference);
  }
  return references;
}

std::string ColumnLine(const TableModel& table, const ColumnModel& column) {
  std::string line = migrate::ColumnSql(column);
  for (const ReferenceModel& reference : ReferencesOf(table, column.name)) {
    line += migrate::ReferencesText(reference);
  }
  return line;
}

// One line, whatever is in the text.
std::string Comment(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  std::ranges::replace(text, '\r', ' ');
  return "-- " + text + "\n";
}

// sqlite.org/lang_altertable.html, "ALTER TABLE ADD COLUMN".
bool CanAdd(const ColumnModel& column) {
  if (!column.rest.empty()) return false;
  const std::string& value = column.default_value;
  const bool none = value.empty() || HasWord(value, "NULL");
  if (column.not_null && none) return false;
  return !value.starts_with("(") && !HasWord(value, "CURRENT_TIMESTAMP") &&
         !HasWord(value, "CURRENT_DATE") && !HasWord(value, "CURRENT_TIME");
}

// "ALTER TABLE DROP COLUMN": not what others name.
bool CanDrop(const TableModel& before, const ColumnModel& column) {
  if (!column.rest.empty() || !ReferencesOf(before, column.name).empty()) return false;
  const auto names = [&](std::string_view sql) { return Names(sql, column.name); };
  const bool by_column = std::ranges::any_of(before.columns, [&](const ColumnModel& other) {
    return other.name != column.name && (names(other.check) || names(other.rest));
  });
  const bool by_index = std::ranges::any_of(
      before.indexes, [&](const IndexModel& index) { return names(index.definition); });
  return !by_column && !by_index && !std::ranges::any_of(before.constraints, names);
}

// Foreign keys of columns that are added by the same changes can be added with them.
bool ComesWithColumn(const std::vector<Change>& changes, const Change& reference) {
  return std::ranges::any_of(changes, [&](const Change& change) {
    return change.kind == Kind::kAddColumn && change.name == reference.name;
  });
}

// Nothing, where one of them cannot be done so.
std::optional<std::string> Plain(const std::vector<Change>& changes, const TableModel& before,
                                 const TableModel& after) {
  const std::string alter = "ALTER TABLE " + QuoteIdentifier(after.name) + " ";
  std::set<std::string> there;
  for (const ColumnModel& column : before.columns) there.insert(column.name);
  std::string sql;
  for (const Change& change : changes) {
    switch (change.kind) {
      case Kind::kRenameColumn:
        if (there.contains(change.name) || there.erase(change.was) == 0) return std::nullopt;
        there.insert(change.name);
        sql += alter + "RENAME COLUMN " + QuoteIdentifier(change.was) + " TO " +
               QuoteIdentifier(change.name) + ";\n";
        break;
      case Kind::kAddColumn:
        if (!CanAdd(*change.column_after) || !there.insert(change.name).second) {
          return std::nullopt;
        }
        sql += alter + "ADD COLUMN " + ColumnLine(after, *change.column_after) + ";\n";
        break;
      case Kind::kDropColumn:
        if (!CanDrop(before, *change.column_before) || there.erase(change.name) == 0) {
          return std::nullopt;
        }
        sql += alter + "DROP COLUMN " + QuoteIdentifier(change.name) + ";\n";
        break;
      case Kind::kAddReference:
        if (!ComesWithColumn(changes, change)) return std::nullopt;
        break;
      case Kind::kReorderColumns: break;
      default: return std::nullopt;
    }
  }
  return sql;
}

// The table made anew.
class Rebuild {
 public:
  Rebuild(const std::vector<Change>& changes, const TableModel& before, const TableModel& after)
      : before_(before), made_(after) {
    for (const Change& change : changes) {
      if (change.kind == Kind::kRenameColumn) was_[change.name] = change.was;
      if (change.kind == Kind::kAddColumn) added_.insert(change.name);
      if (change.kind == Kind::kDropColumn) gone_.insert(change.name);
    }
    KeepWhatNobodyNamed();
  }

  std::string Sql() const {
    const std::string table = QuoteIdentifier(made_.name);
    const std::string made = QuoteIdentifier(std::string(kNewTablePrefix) + made_.name);
    std::string columns, values;
    for (const ColumnModel& column : made_.columns) {
      const ColumnModel* source = Source(column);
      if (source == nullptr || Generated(column)) continue;
      columns += (columns.empty() ? "" : ", ") + QuoteIdentifier(column.name);
      values += (values.empty() ? "" : ", ") + Value(*source, column);
    }
    std::string sql;
    // So that it is known whose columns are meant to go (migration_script.h).
    for (const std::string& name : gone_) sql += Comment("Without the column " + name + ".");
    sql += Create();
    if (!columns.empty()) {
      sql += "INSERT INTO " + made + " (" + columns + ")\n  SELECT " + values + " FROM " + table +
             ";\n";
    }
    sql += Counter();
    // References to it, and views that name it, are to stay as they are meanwhile.
    sql += "DROP TABLE " + table + ";\nPRAGMA legacy_alter_table = ON;\nALTER TABLE " + made +
           " RENAME TO " + table + ";\nPRAGMA legacy_alter_table = OFF;\n";
    for (const IndexModel& index : before_.indexes) {
      const IndexModel* kept = made_.Index(index.name);
      sql += migrate::CreateIndexText(made_.name, kept == nullptr ? index : *kept);
    }
    return sql;
  }

 private:
  // What others added to the table is not dropped with it.
  void KeepWhatNobodyNamed() {
    std::set<std::string> renamed;
    for (const auto& [name, was] : was_) renamed.insert(was);
    for (const ColumnModel& column : before_.columns) {
      if (made_.Column(column.name) != nullptr || gone_.contains(column.name) ||
          renamed.contains(column.name)) {
        continue;
      }
      made_.columns.push_back(column);
      for (const ReferenceModel& reference : ReferencesOf(before_, column.name)) {
        made_.references.push_back(reference);
      }
    }
  }

  // The column that its values are in; null where it is new.
  const ColumnModel* Source(const ColumnModel& column) const {
    if (added_.contains(column.name)) return nullptr;
    const auto renamed = was_.find(column.name);
    return before_.Column(renamed == was_.end() ? column.name : renamed->second);
  }

  static std::string Value(const ColumnModel& source, const ColumnModel& column) {
    std::string value = QuoteIdentifier(source.name);
    // A STRICT table takes no text for bytes, nor the other way round.
    if (source.type != column.type && (source.type == "BLOB" || column.type == "BLOB")) {
      value = "CAST(" + value + " AS " + column.type + ")";
    }
    if (column.not_null && !source.not_null && !column.default_value.empty()) {
      value = "coalesce(" + value + ", " + column.default_value + ")";
    }
    return value;
  }

  std::string Create() const {
    TableModel table = made_;
    table.name = std::string(kNewTablePrefix) + made_.name;
    return migrate::CreateTableText(table, table.references);
  }

  // The ids that were given out stay so, though their rows are gone.
  std::string Counter() const {
    const auto counts = [](const ColumnModel& column) {
      return HasWord(column.rest, "AUTOINCREMENT");
    };
    if (!std::ranges::any_of(before_.columns, counts) ||
        !std::ranges::any_of(made_.columns, counts)) {
      return "";
    }
    const std::string table = migrate::QuoteText(made_.name);
    const std::string made = migrate::QuoteText(std::string(kNewTablePrefix) + made_.name);
    return "DELETE FROM sqlite_sequence WHERE name = " + made +
           ";\nINSERT INTO sqlite_sequence (name, seq)\n  SELECT " + made +
           ", seq FROM sqlite_sequence WHERE name = " + table + ";\n";
  }

  const TableModel& before_;
  TableModel made_;
  std::map<std::string, std::string> was_;
  std::set<std::string> added_, gone_;
};

}  // namespace

std::string AlterTableSql(const std::vector<Change>& changes, const TableModel& before,
                          const TableModel& after, bool down) {
  TableModel made = after;
  std::string sql;
  for (const Change& change : changes) {
    const bool unmet = down && change.kind == Kind::kAddColumn && change.column_after->not_null &&
                       !ReferencesOf(made, change.name).empty();
    if (!unmet) continue;
    std::erase_if(made.references, [&](const ReferenceModel& reference) {
      return reference.column == change.name;
    });
    sql += Comment("Left out: the foreign key of " + after.name + "." + change.name +
                   ". Rows that are there refer to nothing.");
  }
  if (std::optional<std::string> plain = Plain(changes, before, made)) return sql + *plain;
  return sql + Rebuild(changes, before, made).Sql();
}

}  // namespace storegate::sqlite

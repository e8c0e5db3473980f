#include "server/migrate/sql_render.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "server/base/text.h"
#include "server/migrate/sql_tokens.h"

namespace storegate::migrate {
namespace {

using Kind = Change::Kind;

constexpr std::string_view kTransaction = "-- storegate: transaction\n";
constexpr std::string_view kNoTransaction = "-- storegate: no transaction\n";

// Puts texts behind each other, leaving out directives that change nothing.
class Writer {
 public:
  void Add(std::string_view text) {
    if (text.empty()) return;
    if (pending_) {
      if (outside() && text.starts_with(kNoTransaction)) {
        text.remove_prefix(kNoTransaction.size());
      } else if (!text.starts_with(kSqlDirective)) {
        text_ += kTransaction;
      }
    }
    text_ += text;
    pending_ = text_.ends_with(kTransaction);
    if (pending_) text_.resize(text_.size() - kTransaction.size());
  }
  const std::string& text() const { return text_; }

 private:
  // Whether what was written last is in no transaction.
  bool outside() const {
    const size_t last = text_.rfind(kSqlDirective);
    return last != std::string::npos &&
           std::string_view(text_).substr(last).starts_with(kNoTransaction);
  }

  std::string text_;
  bool pending_ = false;  // a `transaction` at the end was left out
};

class Renderer {
 public:
  Renderer(const Dialect& dialect, const std::vector<Change>& changes, const DatabaseModel& after,
           const RenderOptions& options)
      : dialect_(dialect), changes_(changes), after_(after), options_(options) {}

  std::string Run() {
    const bool with_table = dialect_.ReferencesWithTable();
    if (!with_table) DropReferences();
    DropIndexes(false);
    for (const Change* change : Of(Kind::kRenameTable)) {
      out_.Add("ALTER TABLE " + QuoteIdentifier(change->was) + " RENAME TO " +
               QuoteIdentifier(change->table) + ";\n");
    }
    for (const Change* change : Of(Kind::kAddTable)) AddTable(*change->table_after);
    AlterTables(with_table);
    FillColumns();
    for (const Change* change : Of(Kind::kAddIndex)) {
      out_.Add(dialect_.BeforeIndex(*change->index_after));
      out_.Add(dialect_.CreateIndex(change->table, *change->index_after, options_));
    }
    DropIndexes(true);
    if (!with_table) {
      AddReferences();
      DropColumns();
    }
    for (const Change* change : Of(Kind::kDropTable)) {
      out_.Add("DROP TABLE " + QuoteIdentifier(change->table) + ";\n");
    }
    return out_.text().empty() ? "" : Head() + out_.text();
  }

 private:
  std::vector<const Change*> Of(Kind kind) const {
    std::vector<const Change*> found;
    for (const Change& change : changes_) {
      if (change.kind == kind) found.push_back(&change);
    }
    return found;
  }
  bool Has(Kind kind, const std::string& table) const {
    return std::ranges::any_of(changes_, [&](const Change& change) {
      return change.kind == kind && change.table == table;
    });
  }
  const Change* ColumnChange(Kind kind, const std::string& table, const std::string& name) const {
    for (const Change& change : changes_) {
      if (change.kind == kind && change.table == table && change.name == name) return &change;
    }
    return nullptr;
  }
  // As it is called before the renames.
  std::string TableBefore(const std::string& table) const {
    for (const Change* change : Of(Kind::kRenameTable)) {
      if (change->table == table) return change->was;
    }
    return table;
  }
  std::string ColumnBefore(const std::string& table, const std::string& column) const {
    const Change* change = ColumnChange(Kind::kRenameColumn, table, column);
    return change == nullptr ? column : change->was;
  }

  std::string Head() const {
    std::string head = "-- Made by storegate, to\n";
    for (const Change& change : changes_) {
      const std::string line = DescribeChange(change);
      if (!line.empty()) head += CommentLine("  " + line);
    }
    for (const std::string& note : NotesOn(changes_, options_)) head += CommentLine(note);
    if (options_.needs_this) head += "-- storegate: needs this\n";
    return head + "\n";
  }

  // Foreign keys that stay, but rest on a unique index that does not.
  std::vector<std::pair<std::string, const ReferenceModel*>> Resting() const {
    std::vector<std::pair<std::string, const ReferenceModel*>> resting;
    for (const TableModel& table : after_.tables) {
      for (const ReferenceModel& reference : table.references) {
        const std::string target = ColumnBefore(reference.table, reference.target);
        const bool rests = std::ranges::any_of(changes_, [&](const Change& change) {
          return change.kind == Kind::kDropIndex && change.table == reference.table &&
                 change.index_before->unique &&
                 change.index_before->definition.find(target) != std::string::npos;
        });
        const bool fresh = std::ranges::any_of(changes_, [&](const Change& change) {
          return change.kind == Kind::kAddReference && change.reference_after == &reference;
        });
        if (rests && !fresh) resting.emplace_back(table.name, &reference);
      }
    }
    return resting;
  }

  void DropReferences() {
    for (const Change* change : Of(Kind::kDropReference)) {
      out_.Add(dialect_.DropReference(change->table_before->name, *change->reference_before));
    }
    for (const auto& [table, reference] : Resting()) {
      ReferenceModel before = *reference;
      before.table = TableBefore(reference->table);
      before.column = ColumnBefore(table, reference->column);
      before.target = ColumnBefore(reference->table, reference->target);
      out_.Add(dialect_.DropReference(TableBefore(table), before));
    }
  }

  void AddReferences() {
    for (const auto& [table, reference] : Resting()) {
      out_.Add(dialect_.AddReference(table, *reference, options_));
    }
    for (const Change* change : Of(Kind::kAddReference)) {
      if (change->table_before == nullptr && dialect_.InlineReferences()) continue;
      const Change* column = ColumnChange(Kind::kAddColumn, change->table, change->name);
      if (options_.down && column != nullptr && column->column_after->not_null) {
        out_.Add(CommentLine("Left out: the foreign key of " + change->table + "." + change->name +
                         ". Rows that are there refer to nothing."));
        continue;
      }
      out_.Add(dialect_.AddReference(change->table, *change->reference_after, options_));
    }
  }

  // An index that nothing takes the place of goes when those that come are there, so that
  // there is no time without either.
  bool Late(const Change& drop) const {
    return options_.online && !dialect_.ReferencesWithTable() && drop.index_after == nullptr &&
           !Has(Kind::kAlterColumn, drop.table);
  }
  void DropIndexes(bool late) {
    for (const Change* change : Of(Kind::kDropIndex)) {
      if (Late(*change) != late) continue;
      out_.Add(dialect_.DropIndex(late ? change->table : TableBefore(change->table),
                                  *change->index_before, options_));
    }
  }

  void AddTable(const TableModel& table) {
    std::string sql = CreateTableText(
        table, dialect_.InlineReferences() ? table.references : std::vector<ReferenceModel>());
    for (const IndexModel& index : table.indexes) {
      sql += dialect_.BeforeIndex(index) + CreateIndexText(table.name, index);
    }
    out_.Add(sql);
  }

  // Of one table, in the order in which a dialect has them.
  std::vector<Change> TableChanges(const std::string& table, bool with_table) const {
    constexpr Kind kColumns[] = {Kind::kRenameColumn, Kind::kAddColumn, Kind::kAlterColumn};
    constexpr Kind kRest[] = {Kind::kDropColumn, Kind::kAlterTable, Kind::kAddReference,
                              Kind::kDropReference};
    std::vector<Change> found;
    const auto add = [&](Kind kind) {
      for (const Change* change : Of(kind)) {
        // Those of tables that come or go are part of them.
        const bool stays = change->table_before != nullptr && change->table_after != nullptr;
        if (change->table == table && stays) found.push_back(*change);
      }
    };
    for (const Kind kind : kColumns) add(kind);
    if (!with_table) {
      add(Kind::kAlterTable);
      return found;
    }
    for (const Kind kind : kRest) add(kind);
    return found;
  }

  // As the table is right before AlterTable.
  TableModel Start(const TableModel& before, const TableModel& after, bool with_table) const {
    TableModel start = before;
    start.name = after.name;
    std::erase_if(start.indexes, [&](const IndexModel& index) {
      return std::ranges::any_of(changes_, [&](const Change& change) {
        return change.kind == Kind::kDropIndex && change.table == after.name &&
               change.name == index.name && !Late(change);
      });
    });
    if (with_table) return start;
    std::erase_if(start.references, [&](const ReferenceModel& reference) {
      return std::ranges::any_of(changes_, [&](const Change& change) {
        return change.kind == Kind::kDropReference && change.table == after.name &&
               change.reference_before->column == reference.column &&
               change.reference_before->table == reference.table;
      });
    });
    return start;
  }

  // As it is between AlterTable and what drops columns.
  TableModel Middle(const TableModel& after) const {
    TableModel middle = after;
    for (const Change* change : Of(Kind::kDropColumn)) {
      if (change->table == after.name) middle.columns.push_back(*change->column_before);
    }
    return middle;
  }

  void AlterTables(bool with_table) {
    for (const TableModel& table : after_.tables) {
      const std::vector<Change> changes = TableChanges(table.name, with_table);
      if (changes.empty()) continue;
      for (const Change& change : changes) {
        if (change.kind == Kind::kAlterColumn) ClearGoneNames(change);
      }
      const TableModel& before = *changes.front().table_before;
      out_.Add(dialect_.AlterTable(changes, Start(before, table, with_table),
                                   with_table ? table : Middle(table), options_));
    }
  }

  void DropColumns() {
    std::map<std::string, std::vector<Change>> by_table;
    for (const Change* change : Of(Kind::kDropColumn)) by_table[change->table].push_back(*change);
    for (const auto& [name, changes] : by_table) {
      const TableModel& after = *changes.front().table_after;
      out_.Add(dialect_.AlterTable(changes, Middle(after), after, options_));
    }
  }

  // `UPDATE … SET column = value WHERE where`, in batches where others use the table.
  void Update(const TableModel& table, const std::string& column, const std::string& value,
              const std::string& where) {
    const std::string name = QuoteIdentifier(table.name);
    const std::string update = "UPDATE " + name + " SET " + column + " = " + value + " WHERE ";
    if (!options_.online || table.entity == nullptr) return out_.Add(update + where + ";\n");
    const std::string id = QuoteIdentifier(table.entity->id->column);
    out_.Add("-- storegate: repeat, total SELECT count(*) FROM " + name + " WHERE " + where + "\n" +
             update + id + " IN (SELECT " + id + " FROM " + name + " WHERE " + where +
             " LIMIT 1000);\n" + std::string(kTransaction));
  }

  // What an enum's column was set to is taken out of rows before the check forbids it.
  void ClearGoneNames(const Change& change) {
    const ColumnModel& before = *change.column_before;
    const ColumnModel& after = *change.column_after;
    const std::vector<std::string> gone = NamesGone(before, after);
    if (gone.empty() || after.field->nested()) return;
    const schema::EnumType& was = *before.field->enum_type;
    std::string value = "NULL";
    if (after.not_null) {
      const std::string_view zero = after.field->enum_type->NameOf(0);
      if (!was.numbers.contains(std::string(zero))) {
        return out_.Add(CommentLine("Rows of " + change.table + " that have " + gone.front() +
                                " must get another value before: the one for unset, " +
                                std::string(zero) + ", is new."));
      }
      value = dialect_.ZeroLiteral(*after.field);
    }
    std::vector<std::string> quoted;
    for (const std::string& name : gone) quoted.push_back(QuoteText(name));
    const std::string column = QuoteIdentifier(before.name);
    Update(*change.table_after, column, value,
           column + " IN (" + CommaSeparated(quoted) + ")");
  }

  // Rows that are there get what their new columns should hold.
  void FillColumns() {
    for (const Change* change : Of(Kind::kAddColumn)) {
      const schema::Field* field = change->column_after->field;
      if (!Defaulted(*change)) continue;
      const std::string column = QuoteIdentifier(field->column);
      Update(*change->table_after, column, dialect_.DefaultLiteral(*field), column + " IS NULL");
    }
    std::set<std::pair<std::string, std::string>> refolded;
    const auto refold = [&](const std::string& table, const std::string& column) {
      if (!refolded.insert({table, column}).second) return;
      out_.Add("-- storegate: refold " + table + "." + column + "\n" + std::string(kTransaction));
    };
    for (const Change* change : Of(Kind::kAddColumn)) {
      if (!IsFolded(*change->column_after)) continue;
      const std::string from = FoldedFrom(*change->column_after);
      const Change* source = ColumnChange(Kind::kAddColumn, change->table, from);
      // A new field is empty, and so is what it is folded to.
      if (source == nullptr || Defaulted(*source)) refold(change->table, from);
    }
    for (const Change* change : Of(Kind::kAlterColumn)) {
      if (change->column_before->type == change->column_after->type) continue;
      const bool folded = std::ranges::any_of(
          change->table_after->columns, [&](const ColumnModel& column) {
            return IsFolded(column) && FoldedFrom(column) == change->name;
          });
      if (folded) refold(change->table, change->name);
    }
  }
  // Whether a new column is filled with its field's default.
  bool Defaulted(const Change& change) const {
    const ColumnModel& column = *change.column_after;
    return column.field != nullptr && !column.folded && column.field->default_text &&
           !options_.down;
  }

  const Dialect& dialect_;
  const std::vector<Change>& changes_;
  const DatabaseModel& after_;
  const RenderOptions& options_;
  Writer out_;
};

}  // namespace

std::string RenderSql(const Dialect& dialect, const std::vector<Change>& changes,
                      const DatabaseModel& after, const RenderOptions& options) {
  return Renderer(dialect, changes, after, options).Run();
}

}  // namespace storegate::migrate

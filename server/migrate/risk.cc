#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/text.h"
#include "server/migrate/generate.h"
#include "server/migrate/sql_render.h"

namespace storegate::migrate {
namespace {

using Kind = Change::Kind;
using schema::Field;
using schema::Presence;
using schema::Type;

const char kWhenNoneRuns[] =
    "Apply it when no server of the schema before runs any more. With --allow-breaking it is "
    "written so that those that do stop using the database, and says so.";

// What turning one type of value into another does.
enum class Turn { kSame, kWidens, kNarrows, kCannot };

bool Number(Type type) {
  return type == Type::kInt32 || type == Type::kInt64 || type == Type::kUint32 ||
         type == Type::kFloat || type == Type::kDouble;
}

Turn TurnOf(const Field& before, const Field& after) {
  const Type from = before.type, to = after.type;
  const bool one_before = before.presence == Presence::kPlain ||
                          before.presence == Presence::kOptional;
  const bool one_after = after.presence == Presence::kPlain ||
                         after.presence == Presence::kOptional;
  if (one_before != one_after || (!one_before && before.presence != after.presence)) {
    return Turn::kCannot;
  }
  if (from == to) {
    if (before.format == after.format || from != Type::kString) return Turn::kSame;
    const auto object_id = schema::Format::kObjectId;
    if (before.format == object_id || after.format == object_id) return Turn::kCannot;
    if (before.format == schema::Format::kUuid) return Turn::kWidens;
    return after.format == schema::Format::kUuid ? Turn::kNarrows : Turn::kSame;
  }
  if (Number(from) && Number(to)) {
    const bool whole = from == Type::kInt32 || from == Type::kUint32;
    const bool widens = (whole && (to == Type::kInt64 || to == Type::kDouble)) ||
                        (from == Type::kFloat && to == Type::kDouble);
    return widens ? Turn::kWidens : Turn::kNarrows;
  }
  if (from == Type::kEnum && to == Type::kString) return Turn::kWidens;
  if (from == Type::kString && to == Type::kEnum) return Turn::kNarrows;
  return Turn::kCannot;
}

// "optional int64".
std::string TypeName(const Field& field) {
  std::string name;
  if (field.presence == Presence::kMap) name = "map of ";
  if (field.presence == Presence::kRepeated) name = "repeated ";
  if (field.presence == Presence::kOptional) name = "optional ";
  const google::protobuf::FieldDescriptor* value = field.value;
  if (value != nullptr && value->message_type() != nullptr) {
    name += value->message_type()->full_name();
  } else if (value != nullptr && value->enum_type() != nullptr) {
    name += value->enum_type()->full_name();
  } else if (value != nullptr) {
    name += value->type_name();
  }
  if (field.format == schema::Format::kUuid) return name + " (UUID)";
  return field.format == schema::Format::kObjectId ? name + " (OBJECT_ID)" : name;
}

class Judge {
 public:
  explicit Judge(bool typed_by_record) : typed_by_record_(typed_by_record) {}

  std::vector<Risk> Run(const std::vector<Change>& changes) {
    for (const Change& change : changes) {
      table_ = change.table;
      column_ = change.table + "." + change.name;
      switch (change.kind) {
        case Kind::kDropTable: DropTable(); break;
        case Kind::kRenameTable: Rename(table_, "the table " + change.was, change.table); break;
        case Kind::kAddColumn: AddColumn(change, changes); break;
        case Kind::kDropColumn: DropColumn(change); break;
        case Kind::kRenameColumn:
          if (IsFolded(*change.column_before)) break;
          Rename(column_, "the column " + table_ + "." + change.was, change.name);
          break;
        case Kind::kAlterColumn: AlterColumn(change); break;
        default: break;
      }
    }
    return std::move(risks_);
  }

 private:
  void Add(Risk::Kind kind, const std::string& element, std::string what, std::string advice) {
    risks_.push_back({kind, element, std::move(what), std::move(advice)});
  }

  void DropTable() {
    Add(Risk::Kind::kLosesData, table_, "drops the table " + table_ + ", and all that is in it",
        "1. Let nothing call its stores any more, and keep what is to be kept. 2. Take the entity "
        "out of the schema, and generate this with --allow-data-loss. If it has another name "
        "now, say so with --rename.");
    Add(Risk::Kind::kBreaksRunning, table_,
        "drops the table " + table_ + ", which servers of the schema before use", kWhenNoneRuns);
  }

  void Rename(const std::string& element, const std::string& from, const std::string& to) {
    Add(Risk::Kind::kBreaksRunning, element,
        "renames " + from + " to " + to + ", which servers of the schema before look for by its "
        "old name",
        std::string("The API can change its name while the database keeps it: with `column` or "
                    "`collection` in the schema. Else: ") + kWhenNoneRuns);
  }

  void DropColumn(const Change& change) {
    const ColumnModel& column = *change.column_before;
    const Field* field = column.field;
    if (IsFolded(column)) {
      // One that goes with its field is said with it.
      const std::string from = FoldedFrom(column);
      if (change.table_after->Column(from) == nullptr) return;
      Add(Risk::Kind::kBreaksRunning, table_ + "." + from,
          "drops the column " + column_ + ", which servers of the schema before write",
          kWhenNoneRuns);
      return;
    }
    if (field != nullptr && field->role == schema::Role::kId) {
      Add(Risk::Kind::kImpossible, column_,
          "takes the id, " + column_ + ", out of a table that stays",
          "If it has another name now, say so with --rename. A record's id cannot be exchanged: "
          "make a new entity, and copy the records by its API.");
      return;
    }
    if (field != nullptr && field->role == schema::Role::kDeleteTime) {
      Add(Risk::Kind::kLosesData, column_,
          "drops the column " + column_ + ": rows that are deleted are there again",
          "1. Purge what is deleted. 2. Generate this with --allow-data-loss.");
    } else {
      Add(Risk::Kind::kLosesData, column_,
          "drops the column " + column_ + ", and what is in it",
          "1. Mark the field as deprecated, and let nothing read or write it. 2. When nothing "
          "needs what is in it, take it out of the schema and generate this with "
          "--allow-data-loss. If it has another name now, say so with --rename.");
    }
    Add(Risk::Kind::kBreaksRunning, column_,
        "drops the column " + column_ + ", which servers of the schema before read and write",
        kWhenNoneRuns);
  }

  void AddColumn(const Change& change, const std::vector<Change>& changes) {
    const ColumnModel& column = *change.column_after;
    const Field* field = column.field;
    // Where records carry their types, what is null is up to who writes them.
    if (column.not_null && column.default_value.empty() && !typed_by_record_) {
      Add(Risk::Kind::kBreaksRunning, column_,
          "adds the column " + column_ + ", which must not be null and has no default: servers "
          "of the schema before cannot insert rows",
          "Give it a default, or let it be null until all servers write it.");
    }
    if (field == nullptr || column.folded || field->role != schema::Role::kData) return;
    if (field->required && field->references && !field->nullable()) {
      Add(Risk::Kind::kBreaksRunning, column_,
          "adds the required reference " + column_ + ": rows that are there refer to nothing, so "
          "that the foreign key can be made of an empty table alone",
          "1. Add it as `optional`, not required, with servers that set it. 2. Give each row that "
          "is there one. 3. Make it required, and leave `optional`. --allow-breaking writes it as "
          "it is, for a table that is empty.");
    } else if (field->required && !field->default_text) {
      Add(Risk::Kind::kBreaksRunning, column_,
          "adds the required field " + column_ + ": rows that are there are without it, as are "
          "those that servers of the schema before write, and are refused when they are updated",
          "1. Add it without `required`, or as `optional` with a `default`. 2. When all servers "
          "set it, fill the rows that are without it. 3. Make it required.");
    }
    if (AloneInUniqueIndex(change, changes)) {
      Add(Risk::Kind::kBreaksRunning, column_,
          "adds the unique field " + column_ + ", of which all rows that are there have the same "
          "value, so that its unique index can be made of a table with one row at most",
          "1. Add it as `optional`: rows without it do not repeat one another. 2. Give each row "
          "its own. --allow-breaking writes it as it is.");
    }
  }

  // Whether a unique index is on new columns alone that all rows have the zero of.
  static bool AloneInUniqueIndex(const Change& change, const std::vector<Change>& changes) {
    const schema::Entity* entity = change.table_after->entity;
    if (entity == nullptr || change.column_after->field->nullable()) return false;
    return std::ranges::any_of(entity->indexes, [&](const schema::Index& index) {
      if (index.unique == schema::Unique::kNo || !index.where.empty() ||
          index.fields[0].field != change.column_after->field) {
        return false;
      }
      return std::ranges::all_of(index.fields, [&](const schema::IndexField& part) {
        return std::ranges::any_of(changes, [&](const Change& other) {
          return other.kind == Kind::kAddColumn && other.table == change.table &&
                 other.column_after->field == part.field;
        });
      });
    });
  }

  void AlterColumn(const Change& change) {
    const ColumnModel& before = *change.column_before;
    const ColumnModel& after = *change.column_after;
    if (before.field == nullptr || after.field == nullptr) return AlterTexts(before, after);
    if (after.folded) return;
    const Field &was = *before.field, &is = *after.field;
    const bool other_type = before.type != after.type && !typed_by_record_;
    const Turn turn = TurnOf(was, is);
    const std::string becomes =
        "changes the column " + column_ + " from " + TypeName(was) + " to " + TypeName(is);
    const std::string new_field =
        "1. Add a field with a number of its own, and write both. 2. Copy what the rows hold "
        "from the old one to the new one. 3. Read the new one alone. 4. Drop the old one.";
    const bool id = was.role == schema::Role::kId || is.role == schema::Role::kId;
    if (id && (turn != Turn::kSame || before.type != after.type || was.role != is.role)) {
      Add(Risk::Kind::kImpossible, column_, becomes + ", and it is an id",
          "What refers to a record knows its id as it is. Make a new entity, and copy the records "
          "by its API.");
      return;
    }
    if (turn == Turn::kCannot) {
      Add(Risk::Kind::kImpossible, column_, becomes + ", which values cannot be turned into",
          new_field);
      return;
    }
    if (turn == Turn::kNarrows) {
      Add(Risk::Kind::kLosesData, column_, becomes + ", which not all of its values fit into",
          new_field + " With --allow-data-loss the type is changed, which fails, or cuts, where "
                      "a value does not fit.");
    }
    if (other_type && turn != Turn::kSame) {
      Add(Risk::Kind::kBreaksRunning, column_,
          becomes + ", which servers of the schema before do not expect",
          turn == Turn::kWidens ? std::string("The table is written anew meanwhile. ") +
                                      kWhenNoneRuns
                                : new_field);
    }
    if (was.nullable() && !is.nullable()) {
      Add(Risk::Kind::kLosesData, column_,
          "makes the column " + column_ + " one that is never unset: where it is, it becomes zero, "
          "and nothing tells the two apart any more",
          "Keep `optional`, or give each row a value first and allow it with --allow-data-loss.");
      Add(Risk::Kind::kBreaksRunning, column_,
          "makes the column " + column_ + " one that is never unset, which servers of the schema "
          "before may write it as",
          kWhenNoneRuns);
    }
    Enum(before, after);
  }

  void Enum(const ColumnModel& before, const ColumnModel& after) {
    const std::vector<std::string> gone = NamesGone(before, after);
    if (gone.empty()) return;
    Add(Risk::Kind::kLosesData, column_,
        "takes " + CommaSeparated(gone) + " from the values of " + column_ + ": rows that have it lose it",
        "1. Let nothing write it any more: mark it as deprecated. 2. Give the rows that have it "
        "another value. 3. Take it out, and generate this with --allow-data-loss. Values are kept "
        "by their names: one that has another name now is another value.");
    Add(Risk::Kind::kBreaksRunning, column_,
        "takes " + CommaSeparated(gone) + " from the values of " + column_ + ", which servers of the "
        "schema before may write",
        kWhenNoneRuns);
  }

  // Of tables that were read: nothing is known but their texts.
  void AlterTexts(const ColumnModel& before, const ColumnModel& after) {
    if (before.type != after.type) {
      Add(Risk::Kind::kLosesData, column_,
          "changes the column " + column_ + " from " + before.type + " to " + after.type +
              ", which its values may not fit into",
          "Add another column, copy what rows hold, and drop this one.");
    }
    if (!before.not_null && after.not_null) {
      Add(Risk::Kind::kLosesData, column_,
          "makes the column " + column_ + " one that is never null: where it is, it gets its "
          "default",
          "Give each row a value first.");
    }
  }

  const bool typed_by_record_;
  std::string table_, column_;
  std::vector<Risk> risks_;
};

}  // namespace

std::vector<Risk> RisksOf(const std::vector<Change>& changes, bool typed_by_record) {
  return Judge(typed_by_record).Run(changes);
}

std::vector<Change> ChangesOfMeaning(const DatabaseModel& before, const DatabaseModel& after,
                                     const Renames& renames) {
  std::vector<Change> found;
  const std::vector<Change> changes = Diff(before, after, renames);
  for (const TableModel& table : after.tables) {
    const TableModel* was = before.Table(renames.TableBefore(table.name));
    if (was == nullptr) continue;
    for (const ColumnModel& column : table.columns) {
      const ColumnModel* column_before =
          was->Column(renames.ColumnBefore(table.name, column.name));
      const bool told = std::ranges::any_of(changes, [&](const Change& change) {
        return change.kind == Kind::kAlterColumn && change.column_after == &column;
      });
      if (told || column_before == nullptr || column.field == nullptr || column.folded ||
          column_before->field == nullptr) {
        continue;
      }
      const Field &from = *column_before->field, &to = *column.field;
      if (TurnOf(from, to) == Turn::kSame && from.nullable() == to.nullable() &&
          NamesGone(*column_before, column).empty()) {
        continue;
      }
      Change change;
      change.kind = Kind::kAlterColumn;
      change.table = table.name;
      change.name = column.name;
      change.table_before = was;
      change.table_after = &table;
      change.column_before = column_before;
      change.column_after = &column;
      found.push_back(std::move(change));
    }
  }
  return found;
}

}  // namespace storegate::migrate

#include "server/adapters/mongodb/render.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "server/adapters/mongodb/filter_parts.h"
#include "server/adapters/mongodb/migration_index.h"
#include "server/adapters/mongodb/script.h"
#include "server/adapters/mongodb/statements.h"
#include "server/adapters/mongodb/types.h"
#include "server/base/time.h"

namespace storegate::mongodb {

using migrate::Change;
using repository::ColumnModel;
using repository::TableModel;
using schema::Field;
using schema::Presence;
using schema::Type;

namespace {

std::string_view NameOfType(Type type) {
  switch (type) {
    case Type::kBool: return "bool";
    case Type::kInt32: return "int";
    case Type::kInt64:
    case Type::kUint32:
    case Type::kDuration: return "long";
    case Type::kFloat:
    case Type::kDouble: return "double";
    case Type::kString:
    case Type::kEnum: return "string";
    case Type::kBytes: return "binData";
    case Type::kTimestamp: return "date";
    case Type::kListValue: return "array";
    case Type::kValue: return "any";
    default: return "object";
  }
}

bool IsNumber(const ColumnModel& column) {
  return column.type == "int" || column.type == "long" || column.type == "double";
}

Bson Exists(std::string_view field, bool there) {
  Bson exists;
  exists.AddBool("$exists", there);
  return Document(field, exists);
}

// {"storegate.backfill": table, "filter": filter, what: change}.
Bson Backfill(const std::string& table, const Bson& filter, std::string_view what,
              const Bson& change) {
  Bson command;
  command.AddText("storegate.backfill", table)
      .AddDocument("filter", filter)
      .AddDocument(what, change);
  return command;
}

template <typename Number>
Number Parsed(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The field's default, a text that was checked when the schema was read, as a value.
Value DefaultOf(const Field& field) {
  const std::string& text = *field.default_text;
  switch (field.type) {
    case Type::kBool: return text == "true";
    case Type::kFloat: return static_cast<double>(static_cast<float>(Parsed<double>(text)));
    case Type::kDouble: return Parsed<double>(text);
    case Type::kString: return text;
    // The first name of a number is the one that is kept.
    case Type::kEnum:
      return std::string(field.enum_type->NameOf(field.enum_type->NumberOf(text).value_or(0)));
    default: return Parsed<int64_t>(text);
  }
}

// What a new column's documents lack; nothing where they may lack it.
std::optional<Bson> Filling(const ColumnModel& column, bool down) {
  const Field* field = column.field;
  if (field == nullptr || field->role == schema::Role::kId) return std::nullopt;
  Bson set;
  if (field->nullable()) {
    if (down || !field->default_text) return std::nullopt;
    AppendValue(NameOf(*field), DefaultOf(*field), *field, set.get());
    return set;
  }
  // As a record has it in which nothing is set.
  bool is_set = false;
  const Status status = AppendField(*field->entity->prototype, *field, set.get(), &is_set);
  if (!status.ok() || !is_set) return std::nullopt;
  return set;
}

// Renders one script.
class Renderer {
 public:
  Renderer(const std::vector<Change>& changes, const migrate::RenderOptions& options)
      : changes_(changes), options_(options) {}

  std::string Render() {
    if (options_.needs_this && !changes_.empty()) AddCommand("storegate.needs", "this");
    for (at_ = 0; at_ < changes_.size(); ++at_) Add(changes_[at_]);
    for (Bson& command : last_) commands_.push_back(std::move(command));
    if (commands_.empty() && options_.down && !changes_.empty()) return "[]\n";
    return ScriptText(commands_);
  }

 private:
  using Kind = Change::Kind;

  // As the table is called where the script is by now.
  std::string TableOf(const Change& change) const {
    for (size_t i = at_ + 1; i < changes_.size(); ++i) {
      if (changes_[i].kind == Kind::kRenameTable && changes_[i].table == change.table) {
        return changes_[i].was;
      }
    }
    return change.table;
  }

  void Add(const Change& change) {
    const std::string table = TableOf(change);
    switch (change.kind) {
      case Kind::kAddTable: return AddCreation(*change.table_after, &commands_);
      case Kind::kDropTable: return AddCommand("drop", table);
      case Kind::kRenameTable: {
        Bson command;
        command.AddText("renameCollection", change.was).AddText("to", change.table);
        commands_.push_back(std::move(command));
        return;
      }
      case Kind::kAddColumn: return AddColumn(change, table);
      case Kind::kDropColumn: {
        Bson unset;
        unset.AddInt32(change.name, 1);
        commands_.push_back(Backfill(table, Exists(change.name, true), "unset", unset));
        return;
      }
      case Kind::kRenameColumn: {
        MoveIndexes(change, table);
        Bson rename;
        rename.AddText(change.was, change.name);
        commands_.push_back(Backfill(table, Exists(change.was, true), "rename", rename));
        return;
      }
      case Kind::kAlterColumn: return AlterColumn(change, table);
      case Kind::kAddIndex: return AddIndex(change, table);
      case Kind::kDropIndex: {
        Bson command;
        command.AddText("dropIndexes", table).AddText("index", change.name);
        commands_.push_back(std::move(command));
        return;
      }
      case Kind::kAddReference:
      case Kind::kDropReference:
      case Kind::kReorderColumns:
      case Kind::kAlterTable: return;
    }
  }

  void AddCommand(std::string_view name, const std::string& target) {
    Bson command;
    command.AddText(name, target);
    commands_.push_back(std::move(command));
  }

  void Fill(const std::string& table, const ColumnModel& column) {
    const std::optional<Bson> set = Filling(column, options_.down);
    if (set) commands_.push_back(Backfill(table, Exists(column.name, false), "set", *set));
  }

  void AddColumn(const Change& change, const std::string& table) {
    const ColumnModel& column = *change.column_after;
    if (!column.folded || column.field == nullptr) return Fill(table, column);
    const bool source_is_new = std::ranges::any_of(changes_, [&](const Change& other) {
      return other.kind == Kind::kAddColumn && other.table == change.table &&
             other.column_after->field == column.field && !other.column_after->folded;
    });
    const bool filled = column.field->nullable() && Filling(ColumnOf(*column.field), options_.down);
    if (!source_is_new || filled) {
      return AddCommand("storegate.refold", table + "." + column.field->column);
    }
    if (column.field->nullable()) return;
    Bson set;
    set.AddText(column.name, "");
    commands_.push_back(Backfill(table, Exists(column.name, false), "set", set));
  }

  static ColumnModel ColumnOf(const Field& field) {
    ColumnModel column;
    column.field = &field;
    return column;
  }

  // Those that are over renamed fields, and that nobody else drops and makes again.
  void MoveIndexes(const Change& change, const std::string& table) {
    if (change.table_before == nullptr || change.table_after == nullptr) return;
    if (!moved_.insert(change.table).second) return;
    for (const repository::IndexModel& after : change.table_after->indexes) {
      const repository::IndexModel* before = change.table_before->Index(after.name);
      if (before == nullptr || before->definition == after.definition) continue;
      const bool done = std::ranges::any_of(changes_, [&](const Change& other) {
        return other.kind == Kind::kAddIndex && other.table == change.table &&
               other.name == after.name;
      });
      if (done) continue;
      Bson drop, create;
      drop.AddText("dropIndexes", table).AddText("index", after.name);
      commands_.push_back(std::move(drop));
      create.AddText("createIndexes", change.table)
          .AddArray("indexes",
                    BsonArray().Add(IndexFrom(after.name, after.definition)).bson());
      last_.push_back(std::move(create));
    }
  }

  void AlterColumn(const Change& change, const std::string& table) {
    const ColumnModel &before = *change.column_before, &after = *change.column_after;
    if (before.type == "bool" && IsNumber(after)) {
      for (const bool value : {false, true}) {
        Bson filter, set;
        filter.AddBool(after.name, value);
        set.AddInt32(after.name, value ? 1 : 0);
        commands_.push_back(Backfill(table, filter, "set", set));
      }
    }
    if (!before.not_null && after.not_null && !after.folded) Fill(table, after);
  }

  void AddIndex(const Change& change, const std::string& table) {
    Bson index = IndexFrom(change.index_after->name, change.index_after->definition);
    const std::optional<Bson> key = DocumentOf(index.get(), "key");
    const schema::Entity* entity =
        change.table_after == nullptr ? nullptr : change.table_after->entity;
    const bool marked = key && bson_has_field(key->get(), std::string(kDeletedMark).c_str());
    if (marked && entity != nullptr && entity->soft_delete()) AddMarks(table, *entity);
    Bson command;
    command.AddText("createIndexes", table)
        .AddArray("indexes", BsonArray().Add(index).bson());
    commands_.push_back(std::move(command));
  }

  // Those that are deleted have the mark, and those that live have not.
  void AddMarks(const std::string& table, const schema::Entity& entity) {
    const std::string_view deleted = NameOf(*entity.delete_time);
    Bson null, copy, unset;
    null.AddNull("$ne");
    copy.AddText("_id", kDeletedMark);
    unset.AddInt32(kDeletedMark, 1);
    Bson lacking = Document(deleted, null), wrong;
    bson_concat(lacking.get(), Exists(kDeletedMark, false).get());
    wrong.AddNull(deleted);
    bson_concat(wrong.get(), Exists(kDeletedMark, true).get());
    commands_.push_back(Backfill(table, lacking, "copy", copy));
    commands_.push_back(Backfill(table, wrong, "unset", unset));
  }

  const std::vector<Change>& changes_;
  const migrate::RenderOptions& options_;
  size_t at_ = 0;
  std::vector<Bson> commands_, last_;
  std::set<std::string> moved_;  // tables whose indexes were seen to
};

}  // namespace

std::string BsonTypeOf(const Field& field) {
  switch (field.presence) {
    case Presence::kRepeated: return "array of " + std::string(NameOfType(field.type));
    case Presence::kMap: return "object of " + std::string(NameOfType(field.type));
    default: return std::string(NameOfType(field.type));
  }
}

void AddCreation(const TableModel& table, std::vector<Bson>* commands) {
  Bson create;
  create.AddText("create", table.name);
  commands->push_back(std::move(create));
  if (table.indexes.empty()) return;
  BsonArray indexes;
  for (const repository::IndexModel& index : table.indexes) {
    indexes.Add(IndexFrom(index.name, index.definition));
  }
  Bson command;
  command.AddText("createIndexes", table.name).AddArray("indexes", indexes.bson());
  commands->push_back(std::move(command));
}

std::string RenderChanges(const std::vector<Change>& changes,
                          const migrate::RenderOptions& options) {
  return Renderer(changes, options).Render();
}

}  // namespace storegate::mongodb

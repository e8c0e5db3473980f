#include <algorithm>
#include <set>
#include <string_view>

#include "server/base/text.h"
#include "server/migrate/sql_render.h"

namespace storegate::migrate {
namespace {

using Kind = Change::Kind;

bool IsDeleteTime(const ColumnModel& column) {
  return column.field != nullptr && column.field->role == schema::Role::kDeleteTime;
}

// Whether the column is no new one.
bool IsThere(const std::vector<Change>& changes, const std::string& table,
             const std::string& column) {
  return std::ranges::none_of(changes, [&](const Change& change) {
    return change.kind == Kind::kAddColumn && change.table == table && change.name == column;
  });
}

}  // namespace

bool IsFolded(const ColumnModel& column) {
  return column.folded || column.name.starts_with(schema::kFoldedPrefix);
}

std::string FoldedFrom(const ColumnModel& column) {
  return column.name.starts_with(schema::kFoldedPrefix) ? column.name.substr(schema::kFoldedPrefix.size()) : "";
}

std::vector<std::string> NamesGone(const ColumnModel& before, const ColumnModel& after) {
  if (before.field == nullptr || after.field == nullptr || before.field->enum_type == nullptr ||
      after.field->enum_type == nullptr) {
    return {};
  }
  std::vector<std::pair<int, std::string>> gone;
  std::set<std::string_view> there;
  for (const auto& [number, name] : after.field->enum_type->names) there.insert(name);
  for (const auto& [number, name] : before.field->enum_type->names) {
    if (!there.contains(name)) gone.emplace_back(number, name);
  }
  std::ranges::sort(gone);
  std::vector<std::string> names;
  for (auto& [number, name] : gone) names.push_back(std::move(name));
  return names;
}

std::vector<std::string> NotesOn(const std::vector<Change>& changes,
                                 const RenderOptions& options) {
  std::vector<std::string> notes;
  bool comes_back = false, unique = false, checks = false;
  for (const Change& change : changes) {
    const std::string column = change.table + "." + change.name;
    switch (change.kind) {
      case Kind::kAddTable: comes_back = true; break;
      case Kind::kAddColumn:
        if (!IsFolded(*change.column_after)) {
          comes_back = true;
        } else if (!options.down && IsThere(changes, change.table,
                                            FoldedFrom(*change.column_after))) {
          notes.push_back("Rows that servers of the schema before write meanwhile are found by "
                          "the old " + FoldedFrom(*change.column_after) + " of " + change.table +
                          ", or not, until they are written or folded again.");
        }
        if (IsDeleteTime(*change.column_after) && !options.down) {
          notes.push_back("Servers of the schema before still show rows of " + change.table +
                          " that are deleted by those of the new one.");
        }
        break;
      case Kind::kDropColumn:
        if (IsDeleteTime(*change.column_before)) {
          notes.push_back("Rows of " + change.table + " that are deleted are there again.");
        }
        break;
      case Kind::kAlterColumn: {
        const auto fresh = NamesGone(*change.column_after, *change.column_before);
        if (!fresh.empty() && !options.down) {
          notes.push_back("Servers of the schema before cannot read rows in which " + column +
                          " is " + CommaSeparated(fresh) + ".");
        }
        const auto gone = NamesGone(*change.column_before, *change.column_after);
        if (!gone.empty()) {
          notes.push_back("Rows in which " + column + " is " + CommaSeparated(gone) + " lose it.");
        }
        break;
      }
      case Kind::kAddIndex: unique = unique || change.index_after->unique; break;
      case Kind::kAddReference: checks = checks || change.table_before != nullptr; break;
      default: break;
    }
  }
  if (options.down && comes_back) {
    notes.emplace_back("What was dropped comes back without what was in it.");
  }
  if (unique) {
    notes.emplace_back("A unique index cannot be made while rows repeat its value: it fails then, "
                       "and can be run again when they do not.");
  }
  if (checks) {
    notes.emplace_back("A foreign key cannot be made while rows refer to nothing: it fails then, "
                       "and can be run again when they do not.");
  }
  return notes;
}

}  // namespace storegate::migrate

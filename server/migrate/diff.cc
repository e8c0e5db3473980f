#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/migrate/change.h"
#include "server/migrate/ddl.h"

namespace storegate::migrate {
namespace {

using Kind = Change::Kind;
using Names = std::map<std::string, std::string, std::less<>>;  // before → after

// The text with its quoted identifiers as they are called afterwards.
std::string Renamed(std::string_view text, const Names& names) {
  if (names.empty()) return std::string(text);
  std::string renamed;
  for (size_t i = 0; i < text.size();) {
    const size_t end = text[i] == '"' || text[i] == '\'' ? text.find(text[i], i + 1)
                                                         : std::string_view::npos;
    if (end == std::string_view::npos) {
      renamed += text[i++];
      continue;
    }
    const std::string_view inside = text.substr(i + 1, end - i - 1);
    const auto found = text[i] == '"' ? names.find(inside) : names.end();
    renamed += found == names.end() ? std::string(text.substr(i, end + 1 - i))
                                    : QuoteIdentifier(found->second);
    i = end + 1;
  }
  return renamed;
}

// A table that is there before and after.
struct Pair {
  const TableModel* before = nullptr;
  const TableModel* after = nullptr;
  Names columns;  // those that are renamed
};

// Tables in an order in which each is behind those that it refers to, circles aside.
using Tables = std::vector<const TableModel*>;
void Visit(const TableModel* table, const Tables& all, std::set<const TableModel*>* seen,
           Tables* sorted) {
  if (!seen->insert(table).second) return;
  for (const ReferenceModel& reference : table->references) {
    const auto target = std::ranges::find(all, reference.table, &TableModel::name);
    if (target != all.end()) Visit(*target, all, seen, sorted);
  }
  sorted->push_back(table);
}
Tables Sorted(const Tables& tables) {
  Tables sorted;
  std::set<const TableModel*> seen;
  for (const TableModel* table : tables) Visit(table, tables, &seen, &sorted);
  return sorted;
}

class Differ {
 public:
  Differ(const DatabaseModel& before, const DatabaseModel& after, const Renames& renames)
      : renames_(renames) {
    std::set<const TableModel*> kept;
    for (const TableModel& table : after.tables) {
      const TableModel* was = WasTable(before, table.name);
      if (was == nullptr) {
        added_.push_back(&table);
        continue;
      }
      kept.insert(was);
      pairs_.push_back({was, &table, RenamedColumns(*was, table)});
    }
    for (const TableModel& table : before.tables) {
      if (!kept.contains(&table)) dropped_.push_back(&table);
    }
    added_ = Sorted(added_);
    dropped_ = Sorted(dropped_);
    std::ranges::reverse(dropped_);
  }

  std::vector<Change> Run() {
    References();
    for (const Pair& pair : pairs_) Indexes(pair);
    for (const Pair& pair : pairs_) {
      if (pair.before->name == pair.after->name) continue;
      Add(Kind::kRenameTable, pair)->was = pair.before->name;
    }
    for (const TableModel* table : added_) {
      Change* change = Add(Kind::kAddTable, {});
      change->table = table->name;
      change->table_after = table;
    }
    for (const Pair& pair : pairs_) Columns(pair);
    Move(&added_indexes_);
    Move(&added_references_);
    Move(&dropped_columns_);
    for (const TableModel* table : dropped_) {
      Change* change = Add(Kind::kDropTable, {});
      change->table = table->name;
      change->table_before = table;
    }
    return std::move(changes_);
  }

 private:
  const TableModel* WasTable(const DatabaseModel& before, const std::string& name) const {
    const std::string& was = renames_.TableBefore(name);
    return was == name && renames_.tables.contains(name) ? nullptr : before.Table(was);
  }

  Names RenamedColumns(const TableModel& before, const TableModel& after) const {
    Names names;
    for (const auto& [key, to] : renames_.columns) {
      if (key.first != after.name || before.Column(key.second) == nullptr ||
          after.Column(to) == nullptr) {
        continue;
      }
      names[key.second] = to;
      const std::string folded = std::string(schema::kFoldedPrefix) + key.second;
      const std::string folded_to = std::string(schema::kFoldedPrefix) + to;
      if (before.Column(folded) != nullptr && after.Column(folded_to) != nullptr) {
        names[folded] = folded_to;
      }
    }
    return names;
  }

  static Change Of(Kind kind, const Pair& pair) {
    Change change;
    change.kind = kind;
    if (pair.after != nullptr) change.table = pair.after->name;
    change.table_before = pair.before;
    change.table_after = pair.after;
    return change;
  }
  Change* Add(Kind kind, const Pair& pair) { return &changes_.emplace_back(Of(kind, pair)); }
  void Move(std::vector<Change>* from) {
    changes_.insert(changes_.end(), from->begin(), from->end());
  }

  static std::string Now(const Names& names, const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? name : found->second;
  }
  const Pair* PairOf(const std::string& table_before) const {
    for (const Pair& pair : pairs_) {
      if (pair.before->name == table_before) return &pair;
    }
    return nullptr;
  }

  // Of a table that stays, as it is called afterwards; nothing where what it refers to goes.
  std::optional<ReferenceModel> Afterwards(const Pair& pair, const ReferenceModel& before) const {
    const Pair* target = PairOf(before.table);
    if (target == nullptr) return std::nullopt;
    ReferenceModel reference = before;
    reference.column = Now(pair.columns, before.column);
    reference.table = target->after->name;
    reference.target = Now(target->columns, before.target);
    return reference;
  }
  static bool Same(const ReferenceModel& a, const ReferenceModel& b) {
    return a.column == b.column && a.table == b.table && a.target == b.target && a.rest == b.rest;
  }

  void AddReference(const Pair& pair, const ReferenceModel& reference) {
    Change change = Of(Kind::kAddReference, pair);
    change.name = reference.column;
    change.reference_after = &reference;
    added_references_.push_back(std::move(change));
  }

  void References() {
    for (const TableModel* table : added_) {
      for (const ReferenceModel& reference : table->references) {
        AddReference({nullptr, table, {}}, reference);
      }
    }
    for (const Pair& pair : pairs_) {
      std::vector<const ReferenceModel*> fresh;
      for (const ReferenceModel& reference : pair.after->references) fresh.push_back(&reference);
      for (const ReferenceModel& reference : pair.before->references) {
        const std::optional<ReferenceModel> now = Afterwards(pair, reference);
        const auto same = std::ranges::find_if(fresh, [&](const ReferenceModel* other) {
          return now && Same(*now, *other);
        });
        if (same != fresh.end()) {
          fresh.erase(same);
          continue;
        }
        Change* change = Add(Kind::kDropReference, pair);
        change->name = Now(pair.columns, reference.column);
        change->reference_before = &reference;
      }
      for (const ReferenceModel* reference : fresh) AddReference(pair, *reference);
    }
    // A circle of tables that go: the references of those that go later.
    for (size_t i = 0; i < dropped_.size(); ++i) {
      for (const ReferenceModel& reference : dropped_[i]->references) {
        const auto end = dropped_.begin() + static_cast<std::ptrdiff_t>(i);
        const auto found = std::find_if(dropped_.begin(), end, [&](const TableModel* table) {
          return table->name == reference.table;
        });
        if (found == end) continue;
        Change* change = Add(Kind::kDropReference, {dropped_[i], nullptr, {}});
        change->table = dropped_[i]->name;
        change->name = reference.column;
        change->reference_before = &reference;
      }
    }
  }

  void Indexes(const Pair& pair) {
    for (const IndexModel& was : pair.before->indexes) {
      const IndexModel* index = pair.after->Index(was.name);
      if (index != nullptr && index->unique == was.unique && index->valid == was.valid &&
          index->definition == Renamed(was.definition, pair.columns)) {
        continue;
      }
      Change* change = Add(Kind::kDropIndex, pair);
      change->name = was.name;
      change->index_before = &was;
      change->index_after = index;
      if (index != nullptr) AddIndex(pair, *index, &was);
    }
    for (const IndexModel& index : pair.after->indexes) {
      if (pair.before->Index(index.name) == nullptr) AddIndex(pair, index, nullptr);
    }
  }
  void AddIndex(const Pair& pair, const IndexModel& index, const IndexModel* was) {
    Change change = Of(Kind::kAddIndex, pair);
    change.name = index.name;
    change.index_before = was;
    change.index_after = &index;
    added_indexes_.push_back(std::move(change));
  }

  static const ColumnModel* WasColumn(const Pair& pair, const std::string& name) {
    for (const auto& [from, to] : pair.columns) {
      if (to == name) return pair.before->Column(from);
    }
    return pair.columns.contains(name) ? nullptr : pair.before->Column(name);
  }

  void Columns(const Pair& pair) {
    std::vector<Change> altered;
    std::vector<Change> added;
    std::set<const ColumnModel*> kept;
    std::vector<const ColumnModel*> order;  // of those kept, as they will be
    for (const ColumnModel& column : pair.after->columns) {
      const ColumnModel* was = WasColumn(pair, column.name);
      Change change = Of(was == nullptr ? Kind::kAddColumn : Kind::kAlterColumn, pair);
      change.name = column.name;
      change.column_before = was;
      change.column_after = &column;
      if (was == nullptr) {
        added.push_back(std::move(change));
        continue;
      }
      kept.insert(was);
      order.push_back(was);
      if (was->name != column.name) {
        Change rename = change;
        rename.kind = Kind::kRenameColumn;
        rename.was = was->name;
        changes_.push_back(std::move(rename));
      }
      if (was->type != column.type || was->not_null != column.not_null ||
          was->default_value != column.default_value || was->rest != column.rest ||
          Renamed(was->check, pair.columns) != column.check) {
        altered.push_back(std::move(change));
      }
    }
    Move(&added);
    Move(&altered);
    for (const ColumnModel& column : pair.before->columns) {
      if (kept.contains(&column)) continue;
      Change change = Of(Kind::kDropColumn, pair);
      change.name = column.name;
      change.column_before = &column;
      dropped_columns_.push_back(std::move(change));
    }
    if (!std::ranges::is_sorted(order)) Add(Kind::kReorderColumns, pair);
    if (pair.before->suffix != pair.after->suffix ||
        !std::ranges::equal(pair.before->constraints, pair.after->constraints, {},
                            [&](const std::string& each) { return Renamed(each, pair.columns); })) {
      Add(Kind::kAlterTable, pair);
    }
  }

  const Renames& renames_;
  std::vector<Pair> pairs_;
  Tables added_;
  Tables dropped_;
  std::vector<Change> changes_;
  std::vector<Change> added_indexes_;
  std::vector<Change> added_references_;
  std::vector<Change> dropped_columns_;
};

}  // namespace

const std::string& Renames::TableBefore(const std::string& after) const {
  for (const auto& [from, to] : tables) {
    if (to == after) return from;
  }
  return after;
}

const std::string& Renames::ColumnBefore(const std::string& table,
                                         const std::string& after) const {
  for (const auto& [key, to] : columns) {
    if (key.first == table && to == after) return key.second;
  }
  return after;
}

Renames Renames::Reversed() const {
  Renames reversed;
  Names before;
  for (const auto& [from, to] : tables) {
    reversed.tables[to] = from;
    before[to] = from;
  }
  for (const auto& [key, to] : columns) {
    const auto table = before.find(key.first);
    reversed.columns[{table == before.end() ? key.first : table->second, to}] = key.second;
  }
  return reversed;
}

std::vector<Change> Diff(const DatabaseModel& before, const DatabaseModel& after,
                         const Renames& renames) {
  return Differ(before, after, renames).Run();
}

}  // namespace storegate::migrate

#include "server/query/table_indexes.h"

#include <algorithm>
#include <utility>

#include "server/schema/names.h"

namespace storegate::query {

using schema::Entity;
using schema::Field;
using schema::Index;
using schema::IndexField;
using schema::Unique;

namespace {

using Kind = Predicate::Kind;

void AddConditions(const Predicate& predicate, std::vector<const Predicate*>* conditions) {
  if (predicate.kind == Kind::kTrue) return;
  if (predicate.kind != Kind::kAnd) return conditions->push_back(&predicate);
  for (const Predicate& child : predicate.children) AddConditions(child, conditions);
}

// The text was checked at start.
std::vector<Predicate> WhereOf(const Entity& entity, const std::string& text) {
  if (text.empty()) return {};
  Result<Template> parsed = Template::Parse(text, entity, nullptr, nullptr);
  if (!parsed.ok()) return {};
  Result<Predicate> bound = parsed->Bind(nullptr);
  if (!bound.ok()) return {};
  std::vector<Predicate> where;
  for (const Predicate* condition : Conditions(*bound)) where.push_back(*condition);
  return where;
}

// What a partialFilterExpression can say, as adapters/mongodb/predicates.h has it.
bool FitsPartialFilter(const Predicate& condition) {
  return condition.kind == Kind::kIsSet ||
         (condition.kind == Kind::kCompare && condition.op != Compare::kNe);
}

void AppendId(const Entity& entity, std::vector<IndexField>* columns) {
  const auto same = [&](const IndexField& column) { return column.field == entity.id; };
  if (std::ranges::none_of(*columns, same)) columns->push_back({entity.id, false});
}

class Lister {
 public:
  Lister(const Entity& entity, Engine engine) : entity_(entity), engine_(engine) {}

  std::vector<TableIndex> Run() {
    TableIndex id;
    id.name = kIdKey;
    id.columns = {{entity_.id, false}};
    id.unique = 1;
    indexes_.push_back(std::move(id));
    for (const Index& index : entity_.indexes) {
      engine_ == Engine::kMongodb ? AddToCollection(index) : AddToTable(index);
    }
    for (const Field* field : entity_.stored) {
      if (field->references && !Served(*field)) AddReference(*field);
    }
    if (engine_ == Engine::kPostgres && entity_.search_index && !entity_.searchable.empty()) {
      TableIndex search;
      search.name = schema::SearchIndexName(entity_.collection);
      for (const Field* field : entity_.searchable) search.columns.push_back({field, false});
      search.trigrams = true;
      indexes_.push_back(std::move(search));
    }
    return std::move(indexes_);
  }

 private:
  void AddToTable(const Index& declared) {
    TableIndex index;
    index.name = declared.name;
    index.columns = declared.fields;
    index.where = WhereOf(entity_, declared.where);
    if (declared.unique == Unique::kNo) {
      AppendId(entity_, &index.columns);
      return indexes_.push_back(std::move(index));
    }
    index.unique = declared.fields.size();
    // An id that is a number is the row's own, which ends each of SQLite's indexes.
    if (engine_ == Engine::kSqlite && entity_.id->type == schema::Type::kInt64) {
      AppendId(entity_, &index.columns);
    }
    const bool of_living = declared.unique == Unique::kLive && entity_.soft_delete();
    if (of_living) index.rows = TableIndex::Rows::kLiving;
    indexes_.push_back(index);
    if (!of_living || !declared.where.empty()) return;
    std::vector<std::string> columns;
    for (const IndexField& column : declared.fields) columns.push_back(column.field->column);
    index.name = schema::IndexName(false, "_deleted_" + entity_.collection, columns);
    index.unique = 0;
    index.rows = TableIndex::Rows::kDeleted;
    indexes_.push_back(std::move(index));
  }

  void AddToCollection(const Index& declared) {
    TableIndex index;
    index.name = declared.name;
    index.columns = declared.fields;
    std::vector<Predicate> where = WhereOf(entity_, declared.where);
    const bool unique = declared.unique != Unique::kNo;
    if (std::ranges::all_of(where, FitsPartialFilter)) {
      index.where = std::move(where);
    } else if (unique) {
      return;  // refused: it would be unique among all
    }
    if (!unique) {
      AppendId(entity_, &index.columns);
      return indexes_.push_back(std::move(index));
    }
    index.unique = declared.fields.size();
    index.sparse = std::ranges::any_of(
        declared.fields, [](const IndexField& column) { return column.field->nullable(); });
    if (declared.unique == Unique::kLive && entity_.soft_delete()) {
      index.columns.push_back({nullptr, false});
      index.unique = 0;  // deleted ones may have the same
    }
    indexes_.push_back(std::move(index));
  }

  // Whether a look-up by the field alone enters an index that was declared.
  bool Served(const Field& field) const {
    return std::ranges::any_of(entity_.indexes, [&](const Index& index) {
      return index.where.empty() && index.fields[0].field == &field &&
             (engine_ == Engine::kMongodb || index.unique != Unique::kLive);
    });
  }

  void AddReference(const Field& field) {
    TableIndex index;
    index.name = schema::IndexName(false, "_ref_" + entity_.collection, {field.column});
    index.columns = {{&field, false}};
    AppendId(entity_, &index.columns);
    indexes_.push_back(std::move(index));
  }

  const Entity& entity_;
  const Engine engine_;
  std::vector<TableIndex> indexes_;
};

bool SamePlace(const Path& a, const Path& b) { return a.field == b.field && a.below == b.below; }

bool Same(const Predicate& a, const Predicate& b) {
  return a.kind == b.kind && SamePlace(a.path, b.path) && a.op == b.op && a.value == b.value &&
         a.values == b.values && std::ranges::equal(a.children, b.children, Same);
}

// Whether what satisfies a comparison satisfies the other, of the same field.
bool Narrower(const Predicate& narrow, const Predicate& wide) {
  if (narrow.value.index() != wide.value.index()) return false;
  const bool less = narrow.value < wide.value, same = narrow.value == wide.value;
  const bool greater = !less && !same;
  const Compare op = narrow.op;
  switch (wide.op) {
    case Compare::kEq: return op == Compare::kEq && same;
    case Compare::kLt:
      return (op == Compare::kLt && !greater) ||
             ((op == Compare::kLe || op == Compare::kEq) && less);
    case Compare::kLe:
      return (op == Compare::kLt || op == Compare::kLe || op == Compare::kEq) && !greater;
    case Compare::kGt:
      return (op == Compare::kGt && !less) ||
             ((op == Compare::kGe || op == Compare::kEq) && greater);
    case Compare::kGe:
      return (op == Compare::kGt || op == Compare::kGe || op == Compare::kEq) && !less;
    case Compare::kNe: return false;
  }
  return false;
}

// Whether the condition implies the index's.
bool Implies(const Predicate& condition, const Predicate& wide, Engine engine) {
  if (Same(condition, wide)) return true;
  if (!SamePlace(condition.path, wide.path) || condition.path.field == nullptr) return false;
  if (wide.kind == Kind::kIsSet) {
    if (condition.kind == Kind::kIn) return true;
    // SQLite compares for equality with IS, of which it does not know that it excludes null.
    return condition.kind == Kind::kCompare && condition.op != Compare::kNe &&
           (engine != Engine::kSqlite || condition.op != Compare::kEq);
  }
  // SQLite looks for the same words alone.
  return engine != Engine::kSqlite && wide.kind == Kind::kCompare &&
         condition.kind == Kind::kCompare && Narrower(condition, wide);
}

bool IsLiving(const Predicate& condition) {
  return condition.kind == Kind::kNot && condition.children[0].kind == Kind::kIsSet &&
         condition.children[0].path.field != nullptr &&
         condition.children[0].path.field->role == schema::Role::kDeleteTime;
}

}  // namespace

std::optional<Engine> EngineNamed(std::string_view kind) {
  if (kind == "sqlite") return Engine::kSqlite;
  if (kind == "postgresql") return Engine::kPostgres;
  if (kind == "mongodb") return Engine::kMongodb;
  return std::nullopt;
}

std::string_view NameOf(Engine engine) {
  switch (engine) {
    case Engine::kSqlite: return "SQLite";
    case Engine::kPostgres: return "PostgreSQL";
    case Engine::kMongodb: return "MongoDB";
  }
  return "";
}

std::vector<TableIndex> IndexesOf(const Entity& entity, Engine engine) {
  return Lister(entity, engine).Run();
}

std::vector<const Predicate*> Conditions(const Predicate& predicate) {
  std::vector<const Predicate*> conditions;
  AddConditions(predicate, &conditions);
  return conditions;
}

bool Includes(const TableIndex& index, const std::vector<const Predicate*>& conditions,
              bool show_deleted, Engine engine) {
  if (index.rows == TableIndex::Rows::kLiving && show_deleted) return false;
  // Nobody asks for deleted records alone but look-ups by key.
  if (index.rows == TableIndex::Rows::kDeleted) return false;
  return std::ranges::all_of(index.where, [&](const Predicate& wide) {
    if (engine == Engine::kPostgres && !show_deleted && IsLiving(wide)) return true;
    // MongoDB's partial filters leave out what always holds.
    if (engine == Engine::kMongodb && wide.kind == Kind::kIsSet && !wide.path.field->nullable()) {
      return true;
    }
    return std::ranges::any_of(conditions, [&](const Predicate* condition) {
      return Implies(*condition, wide, engine);
    });
  });
}

}  // namespace storegate::query

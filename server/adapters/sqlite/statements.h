// The SQL of each thing that a session does with an entity. Texts depend on the
// schema alone, values are bound, so that a session's cache finds them again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/repository/reading.h"
#include "server/schema/schema.h"

namespace storegate::sqlite {

// The columns of a row that is read, and `"a", "b", "_version"`.
struct Columns : repository::RowColumns {
  explicit Columns(repository::RowColumns columns);
  std::string list;
};

// What is the same in all statements about an entity. Immutable once built.
class Plan {
 public:
  explicit Plan(const schema::Entity& entity);

  const schema::Entity& entity() const { return entity_; }
  const Columns& columns(bool with_secrets) const { return with_secrets ? all_ : open_; }

  // What a Get or List reads: all, or what its mask names, made in `made`.
  const Columns& ColumnsOf(const repository::GetRequest& request,
                           std::optional<Columns>* made) const;
  const Columns& ColumnsOf(const repository::Query& query, std::optional<Columns>* made) const;

  // Rows by key; the key's columns come behind the row's. A key that is unique
  // among the living gives living rows first, then deleted ones.
  Sql Get(const repository::GetRequest& request, const Columns& columns) const;
  Result<Sql> List(const repository::Query& query, const Columns& columns) const;
  Result<Sql> Count(const repository::Query& query) const;

  // Each of these answers with the row as it is then (for Delete: as it was), all
  // columns, and with no row when there is none in that state.
  Result<Sql> Insert(const repository::Mutation& mutation) const;
  Result<Sql> Update(const repository::Mutation& mutation) const;  // a living row
  Sql SoftDelete(const repository::Mutation& mutation) const;      // a living row
  Sql Undelete(const repository::Mutation& mutation) const;        // a deleted row
  Sql Delete(const repository::Mutation& mutation) const;          // any row

  // `_version, deleted (0 or 1), more…` of the row with that id.
  Sql State(const Value& id, const std::vector<const schema::Field*>& more) const;
  // One row when the greatest id that there can be was given out.
  Sql IdsExhausted() const;

 private:
  void AppendVersionAndReturning(const repository::Mutation& mutation, Sql* sql) const;
  Result<Sql> ListOfEach(const repository::Query& query, const Columns& columns) const;

  const schema::Entity& entity_;
  const std::string table_;
  const std::string id_;
  Columns all_, open_;
};

// Appends ` FROM "t" WHERE …`: living rows, or all, where the predicate holds.
Status AppendFrom(const schema::Entity& entity, const query::Predicate& where, bool show_deleted,
                  Sql* sql);

// One row when `reference` may have `value`: a living row has it.
Sql LivingTarget(const schema::Field& reference, const Value& value);
// One row when a row (a living one where `living`) has `value` in `referrer`. The
// row `self` of `entity` does not count.
Sql Referring(const schema::Field& referrer, const Value& value, bool living,
              const schema::Entity& entity, const Value& self);

// Plans made so far. Used by one thread at a time.
class Plans {
 public:
  const Plan& Of(const schema::Entity& entity);

 private:
  std::unordered_map<const schema::Entity*, std::unique_ptr<const Plan>> plans_;
};

}  // namespace storegate::sqlite

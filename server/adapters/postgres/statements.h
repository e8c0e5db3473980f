// The SQL of each thing that a session does with an entity. Texts depend on the
// schema alone, values are bound, so that a connection finds them prepared.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/adapters/postgres/sql.h"
#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/repository/reading.h"
#include "server/schema/schema.h"

namespace storegate::postgres {

// The columns of a row that is read, and `"a", "b", "_version"`.
struct Columns : repository::RowColumns {
  explicit Columns(repository::RowColumns columns);
  std::string list;
};

// Rows that one INSERT makes at most.
inline constexpr size_t kInsertRowsMax = 128;

// What is the same in all statements about an entity. Used by one thread at a time.
class Plan {
 public:
  explicit Plan(const schema::Entity& entity);

  const schema::Entity& entity() const { return entity_; }
  const Columns& columns(bool with_secrets) const { return with_secrets ? all_ : open_; }

  // What a Get reads, and where in the row the key's fields are.
  struct Got {
    const Columns* columns = nullptr;
    std::vector<int> key_columns;
  };
  // Rows by key, many as arrays: one array a field of the key. What it answers lives
  // until the next Get.
  const Got& Get(const repository::GetRequest& request, Sql* sql);
  // What a List reads: all, or what its mask names, made in `made`.
  const Columns& ColumnsOf(const repository::Query& query, std::optional<Columns>* made) const;
  Status List(const repository::Query& query, const Columns& columns, Sql* sql) const;
  Status Count(const repository::Query& query, Sql* sql) const;

  // Inserts a row for each of the mutations, 1 to kInsertRowsMax with given ids, or
  // all with ids to be counted. Answers with the rows, all columns, that it made:
  // left out are those with a value that another row has, and those with a
  // reference of the first one's check_references to no living row. Rows that are
  // referred to stay living until the transaction ends.
  Status Insert(std::span<const repository::Mutation* const> mutations, Sql* sql) const;
  // The same of one row without leaving anything out: fails instead. References are
  // not looked at.
  Status InsertOrFail(const repository::Mutation& mutation, Sql* sql) const;

  // Each of these answers with the row as it is then (for Delete: as it was), all
  // columns, and with no row when there is none in that state. Update: with
  // `references`, also when one in check_references that is written names no living
  // row; that row stays living then until the transaction ends.
  Status Update(const repository::Mutation& mutation, bool references,
                Sql* sql) const;                                           // a living row
  // Deleted softly: a living row; undeleted: a deleted one.
  void SetDeleted(const repository::Mutation& mutation, bool deleted, Sql* sql) const;
  void Delete(const repository::Mutation& mutation, Sql* sql) const;       // any row

  // `_version, deleted (boolean), more…` of the row with that id; nobody changes it
  // until the transaction ends where `lock` says so.
  void State(const Value& id, const std::vector<const schema::Field*>& more, bool lock,
             Sql* sql) const;
  // Ids that are counted from here on are greater than `id`; null: than any there is.
  void CountFrom(const Value& id, Sql* sql) const;
  // Names of the columns of an index of the table.
  void IndexColumns(const std::string& index, Sql* sql) const;

  // How large rows were lately, at most. For who decides whether to hold many.
  size_t row_bytes() const { return row_bytes_; }
  void NoteRow(size_t bytes);

 private:
  struct GetText {
    const schema::Key* key = nullptr;
    bool many = false, with_secrets = false;
    std::string text;
    Got got;
  };
  struct InsertText {
    size_t rows;
    bool with_id;
    std::vector<const schema::Field*> references;
    std::string text;
  };

  const GetText& TextOf(const repository::GetRequest& request, bool many);
  GetText MakeText(const repository::GetRequest& request, bool many, const Columns& columns) const;
  void AppendVersionAndReturning(const repository::Mutation& mutation, Sql* sql) const;
  Status ListOfEach(const repository::Query& query, const Columns& columns, Sql* sql) const;
  void AppendId(const Value& id, Sql* sql) const;
  std::vector<std::string> InsertColumns(bool with_id) const;
  // `($1::uuid, $2::text, …)`, from place `next` on, which moves on.
  std::string RowText(bool with_id, size_t* next) const;
  // The values of RowText; nulls where `mutation` is null.
  Status BindRow(const repository::Mutation* mutation, bool with_id, Sql* sql) const;
  using Fields = std::vector<const schema::Field*>;
  const std::string& InsertTextOf(size_t rows, bool with_id, const Fields& references) const;

  const schema::Entity& entity_;
  const std::string table_;
  const std::string id_;
  Columns all_, open_;
  // Made once; their addresses stay.
  std::deque<GetText> gets_;
  // Of the Get with a mask that runs: there are more of these than are worth keeping.
  std::optional<Columns> masked_columns_;
  GetText masked_;
  mutable std::deque<InsertText> inserts_;
  mutable std::string insert_or_fail_[2];  // without and with the id
  size_t row_bytes_ = 16 * 1024;  // a guess, until some were seen
};

// Appends ` FROM "t" WHERE …`: living rows, or all, where the predicate holds.
Status AppendFrom(const schema::Entity& entity, const query::Predicate& where, bool show_deleted,
                  Sql* sql);

// One row when `reference` may have `value`: a living row has it, and goes on living
// until the transaction ends.
void LivingTarget(const schema::Field& reference, const Value& value, Sql* sql);
// One row when a row (a living one where `living`) has `value` in `referrer`. The
// row `self` of `entity` does not count.
void Referring(const schema::Field& referrer, const Value& value, bool living,
               const schema::Entity& entity, const Value& self, Sql* sql);

// Plans made so far. Used by one thread at a time.
class Plans {
 public:
  Plan& Of(const schema::Entity& entity);

 private:
  std::unordered_map<const schema::Entity*, std::unique_ptr<Plan>> plans_;
};

}  // namespace storegate::postgres

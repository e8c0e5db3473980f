// The commands and documents of each thing that a session does with an entity.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/adapters/mongodb/selection.h"
#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/repository/row_state.h"
#include "server/schema/schema.h"

namespace storegate::mongodb {

// What the gateway adds to documents.
inline constexpr std::string_view kVersion = "_version";
// In documents that are deleted softly, where the entity has a key that is unique among
// the living: the id. A unique index ends with it, so that the living share its absence
// and the deleted are in nobody's way.
inline constexpr std::string_view kDeletedMark = "_deleted";

// Whether documents of the entity have kDeletedMark when they are deleted.
bool HasDeletedMark(const schema::Entity& entity);

// What is the same in all commands about an entity. Immutable once built.
class Plan {
 public:
  explicit Plan(const schema::Entity& entity);

  const schema::Entity& entity() const { return entity_; }

  // Finds documents by key. Of a key that is unique among the living, living ones come
  // first.
  Bson Get(const repository::GetRequest& request) const;
  // UNSUPPORTED_PREDICATE: FilterOf in predicates.h.
  Result<Bson> List(const repository::Query& query) const;
  // Of a query with `each`: all documents, ordered by it, or those behind `*after`, a value
  // of it. With `each_limit` it is for the reader to stop, as many of them do not count.
  Result<Bson> ListEach(const repository::Query& query, const Value* after) const;
  // Aggregates to one document {n}, or to none when nothing matches.
  Result<Bson> Count(const repository::Query& query) const;
  // The filter of those that match and, unless they are shown, are not deleted.
  Result<Bson> Matching(const query::Predicate& where, bool show_deleted) const;

  // The new document, `id` being the mutation's own or one that was counted. Status as
  // of AppendField (types.h).
  Result<Bson> Document(const repository::Mutation& mutation, const Value& id) const;

  // Each of these gives the document as it is then (for Delete: as it was) as "value",
  // and null when there is none in that state and of that version.
  Result<Bson> Update(const repository::Mutation& mutation) const;  // a living one
  // Deleted softly: a living one; undeleted: a deleted one.
  Bson SetDeleted(const repository::Mutation& mutation, bool deleted) const;
  Bson Delete(const repository::Mutation& mutation) const;  // any one

  // Finds the document with that id: what ReadState wants of it.
  Bson State(const Value& id, const std::vector<const schema::Field*>& more) const;
  // INTERNAL, reason MALFORMED_DATA.
  Result<repository::RowState> ReadState(const bson_t* document,
                                         const std::vector<const schema::Field*>& more) const;
  // Finds the document with the greatest id.
  Bson GreatestId() const;

  // Writes what is selected of a document as a row. INTERNAL, reason MALFORMED_DATA; the
  // row is to be ignored then. `more` gets what EndRow says.
  Status ReadRow(const bson_t* document, const Selection& selection, repository::Sink* sink,
                 bool* more) const;
  // Whether a document is of a row that is deleted.
  bool IsDeleted(const bson_t* document) const;
  // The field of that name in documents; null for what the schema does not know.
  const schema::Field* Find(std::string_view name) const;

 private:
  Bson Target(const repository::Mutation& mutation, const bool* deleted) const;
  Bson Modify(const repository::Mutation& mutation, const bool* deleted, const Bson& update) const;
  // Of what is selected, and of `more`.
  Bson Projection(const Selection& selection, const std::vector<const schema::Field*>& more) const;

  const schema::Entity& entity_;
  std::unordered_map<std::string_view, const schema::Field*> by_name_;
  Bson all_, open_;  // projections: with secrets, and without
};

// Finds living rows of what `reference` refers to that have one of the values, which are
// an array; gives that field of each.
Bson LivingTargets(const schema::Field& reference, const Bson& values);
// Finds a row (a living one where `living`) that has `value` in `referrer`. The row
// `self` of `entity` does not count.
Bson Referring(const schema::Field& referrer, const Value& value, bool living,
               const schema::Entity& entity, const Value& self);

// Plans made so far. Used by one thread at a time.
class Plans {
 public:
  const Plan& Of(const schema::Entity& entity);

 private:
  std::unordered_map<const schema::Entity*, std::unique_ptr<const Plan>> plans_;
};

}  // namespace storegate::mongodb

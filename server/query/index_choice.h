// Which index serves a query. From the schema alone, without a database: what the planner of
// each kind of database can do with the indexes that migrations make (table_indexes.h). Where
// it could take one of several, it goes by what the rows hold; then this says the one that
// the conditions bound most. tests/conformance holds the answers against the databases' own.
//
// What is claimed of no database: that an index serves NOT, !=, a list's or map's contents,
// the inside of a message or Struct, or a text's end. What is claimed of one or two:
//                                      PostgreSQL        SQLite            MongoDB
//   order by an index' first columns,  ties are sorted   ties are sorted   all are sorted
//     then by others
//   unique index, then by id           ties are sorted   in order where    all are sorted
//                                                        it is NOT NULL
//   order behind a field with IN       sorted            sorted            in order (up to 200)
//   "is set"                           yes               no                yes
//   partial index                      what implies it   the same words    what implies it
//   unique among the living            living ones only  living ones only  yes
//   unique and optional                yes               yes               not for order alone
//   substrings of searchable fields    `search_index`    no                no
//   what a related record is like      where an index serves that there     (not asked)
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/query/order.h"
#include "server/query/predicate.h"
#include "server/query/table_indexes.h"
#include "server/schema/schema.h"

namespace storegate::query {

struct IndexChoice {
  enum class Access {
    kNothing,  // no record can match, and none is read
    kAll,      // each record is read: no index serves the conditions, or else the order
    kWhole,    // neither condition nor order: all records are what is asked for
    kOrdered,  // no condition; as many records as are wanted are read in their order
    kBounds,   // those between bounds of the index, or what has its key
    kSearch,   // those with the substring's trigrams
    kParts,    // `parts`, one for each side of an OR
  };
  enum class Sort {
    kNone,  // they come in order
    kTies,  // those that are alike in the index' columns are sorted
    kAll,   // all that match are sorted before the first is answered
  };

  Access access = Access::kAll;
  // Its name, or kIdKey. Of kAll the one that they are read in order of; "" for none.
  std::string index;
  // Of kBounds: so many leading columns are compared with = or IN, the next with others.
  int equal = 0;
  bool range = false;
  Sort sort = Sort::kNone;
  // The index that gives the order where this one does not and the bounds are a range alone:
  // a database reads that one instead where it thinks that most records are in the range.
  std::string in_order;
  std::vector<IndexChoice> parts;

  // Conditions or an order for which each record is read.
  bool unindexed() const { return access == Access::kAll; }
};

// One entity in one kind of database. Immutable: any thread. The entity outlives it.
class IndexChooser {
 public:
  IndexChooser(const schema::Entity& entity, Engine engine);

  // `order` may be empty: any order will do. `show_deleted` false: only living records of an
  // entity that is deleted softly; that alone is no condition.
  IndexChoice Choose(const Predicate& where, const Order& order, bool show_deleted) const;

  // What would help where that is unindexed, as a sentence.
  std::string Remedy(const Predicate& where, const Order& order, bool show_deleted) const;

 private:
  struct Candidate;
  struct Bounds;
  using FieldBounds = std::map<const schema::Field*, Bounds>;
  FieldBounds BoundsOf(const std::vector<const Predicate*>& conditions) const;
  Candidate Match(const TableIndex& index, const FieldBounds& fields, const Order& order) const;
  bool ChooseParts(const std::vector<const Predicate*>& conditions, bool show_deleted,
                   IndexChoice* choice) const;

  const schema::Entity& entity_;
  const Engine engine_;
  const std::vector<TableIndex> indexes_;
};

// "idx_books_author_id (1 equal), sorted", "reads all, in order of idx_books_title": for people.
std::string Describe(const IndexChoice& choice);

}  // namespace storegate::query

// The contract between storegate and a database. tests/conformance holds every
// backend to it. An adapter maps its driver's errors to these statuses in one
// file; driver text goes to the log, never into a Status.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/query/order.h"
#include "server/query/predicate.h"
#include "server/query/value.h"
#include "server/repository/sink.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// The values of a Key's fields, in its order. Never null.
using KeyValues = std::vector<Value>;

struct GetRequest {
  const schema::Entity* entity = nullptr;
  const schema::Key* key = nullptr;
  std::vector<KeyValues> values;  // distinct
  bool with_secrets = false;      // the row includes input-only fields (password)
  // What is read of a row, in order of the entity's fields; empty: all. Found says
  // what it says all the same.
  std::vector<const schema::Field*> fields;
  Deadline deadline = Deadline::max();  // of the last caller who waits for it
};

// What Get says of one of GetRequest::values.
struct Found {
  bool found = false;    // a row is there, deleted or not
  bool deleted = false;  // its delete_time is set
  size_t begin = 0;      // its bytes within the sink's output, in WireSink's case
  size_t end = 0;
};

struct Query {
  const schema::Entity* entity = nullptr;
  query::Predicate where;
  bool show_deleted = false;
  query::Order order;  // total: ends with the id
  // Only rows behind these values of the sort keys; empty: from the start.
  std::vector<Value> after;
  int64_t skip = 0;   // rows passed over, after `after`
  int64_t limit = 0;  // rows at most
  bool with_secrets = false;
  // What is read of a row, in order of the entity's fields, those of `order` and
  // `each` among them; empty: all.
  std::vector<const schema::Field*> fields;
  // Not null: rows are ordered by this field first, and of those with one value of it
  // there are at most `each_limit` (0: no bound). Without `after` and `skip`.
  const schema::Field* each = nullptr;
  int64_t each_limit = 0;
  Deadline deadline = Deadline::max();
};

// Groups of rows, and what is computed of each.
struct AggregateQuery {
  const schema::Entity* entity = nullptr;
  query::Predicate where;
  bool show_deleted = false;
  const schema::Aggregate* aggregate = nullptr;
  // One a group: an IANA name where it is a part of a time; "" for UTC.
  std::vector<std::string> time_zones;
  query::Predicate having;  // over aggregate->row.entity, and so is the order
  query::Order order;
  int64_t limit = 0;
  Deadline deadline = Deadline::max();
};

// One of the values that a native query is given; null: none in `values`, and not a
// list.
struct NativeParameter {
  schema::Type type = schema::Type::kString;
  bool list = false;
  std::vector<Value> values;
};

struct NativeQuery {
  const schema::Entity* entity = nullptr;  // of the store
  const schema::Native* native = nullptr;
  std::vector<NativeParameter> parameters;
  Deadline deadline = Deadline::max();
};

enum class Change {
  kInsert,    // every field of `record` that is stored
  kUpdate,    // the fields in `fields`, of a living row
  kUpsert,    // kUpdate; where no row is, kInsert of `record`
  kDelete,    // soft where the entity has delete_time, else for good; a living row
  kUndelete,  // a deleted row
  kPurge,     // for good, deleted or not
};

// One change of one row. What a change means:
//   - Uniqueness: ALREADY_EXISTS; reason RECORD_EXISTS for the id, else
//     UNIQUE_VIOLATION with metadata "fields" ("slug" or "a,b").
//   - `references` in what is written (all set reference fields on kInsert and
//     kUndelete) must name a living row: FAILED_PRECONDITION, reason
//     REFERENCE_NOT_FOUND, metadata "field". The session checks those whose
//     target is in `check_references`; the service has checked others.
//   - kDelete: a living row that refers here: FAILED_PRECONDITION, reason
//     RECORD_REFERENCED, metadata "referrer" ("Book.author_id"). For good
//     (kPurge, hard kDelete): any row that refers here, deleted or not; a row that
//     refers to itself does not count. The session looks at the fields in
//     `check_referrers`.
//   - No row: NOT_FOUND, reason RECORD_NOT_FOUND. A deleted row: kUpdate,
//     kUpsert and kDelete NOT_FOUND, reason RECORD_DELETED; a living one:
//     kUndelete ALREADY_EXISTS, reason RECORD_NOT_DELETED.
//   - `expected_version` that is not the row's: ABORTED, reason ETAG_MISMATCH;
//     on kUpsert with no row: ABORTED too, it never inserts. The order of these
//     checks: row there, deleted or not, version.
//   - Nothing else than the row's own checks is reported before these.
struct Mutation {
  Change change = Change::kInsert;
  const schema::Entity* entity = nullptr;
  // The id. Null on kInsert and kUpsert where the database counts it.
  Value id;
  // Values to write; lives until Apply returns. Already valid: checked, lower
  // case, defaults set, password hashed, timestamps cut to milliseconds.
  // kInsert, kUpsert: all of it. kUpdate: `fields`. kDelete, kUndelete: null.
  const google::protobuf::Message* record = nullptr;
  // kUpdate, kUpsert: what to set, update_time included. A field not set in
  // `record` becomes null (or its zero, when plain).
  std::vector<const schema::Field*> fields;
  std::optional<int64_t> expected_version;
  int64_t new_version = 0;   // of the row after this change
  int64_t now_millis = 0;    // delete_time and update_time of kDelete, kUndelete
  std::vector<const schema::Field*> check_references;
  std::vector<const schema::Field*> check_referrers;
};

// What became of a mutation. The row as it is afterwards (for kPurge and hard
// kDelete: as it was before) is in the write's sink, one row a mutation that
// succeeded, in order. What is in the sink of a write that failed, or when Apply
// itself fails, means nothing: ignore it.
struct Outcome {
  Status status;
};

// Mutations that happen all or not at all, in their order, each seeing the ones
// before it. When one fails, `failed` is its index, its outcome has the status,
// and nothing of the write is kept.
struct Write {
  std::vector<Mutation> mutations;
  Sink* sink = nullptr;
  // A database that was not done by then gives up: DEADLINE_EXCEEDED. Of writes
  // that are applied together the last one counts.
  Deadline deadline = Deadline::max();
  // Filled by Apply:
  std::vector<Outcome> outcomes;
  std::optional<size_t> failed;
};

struct Capabilities {
  // A Write of several mutations is all or none. Where false, Apply of such a
  // write is UNIMPLEMENTED, reason TRANSACTIONS_UNAVAILABLE.
  bool transactions = false;
  // A reference to an entity of the same database is checked within the write,
  // without a race.
  bool references = false;
  // Sessions have StartGet and FinishGet.
  bool start_get = false;
  // Predicates may be kRelated, to entities of the same database.
  bool joins = false;
  // Aggregate computes more than one value, and parts of times.
  bool aggregates = false;
};

// One connection. Used by one thread at a time. Blocking.
// Any call: UNAVAILABLE (nothing happened) when the database does not answer,
// RESOURCE_EXHAUSTED reason STORAGE_FULL when it has no room, INTERNAL reason
// DATABASE_ERROR for what nobody foresaw, DEADLINE_EXCEEDED past the deadline.
class Session {
 public:
  virtual ~Session() = default;

  // Rows by key, in one statement however many. `found` gets one entry a value,
  // in order; rows are written to the sink in any order, and Found's begin and
  // end tell which bytes are whose (sink.size() before and after).
  virtual Status Get(const GetRequest& request, class WireSink* sink, std::vector<Found>* found) = 0;

  // Get in two steps, where Capabilities::start_get says so, for threads that must
  // not be held up. StartGet sends the statement and does not wait; `request`
  // outlives FinishGet. FinishGet waits until `until` at most and says what Get
  // would; empty: the answer is not there yet, ask again. After a StartGet that was
  // OK there is no other call until FinishGet has answered.
  virtual Status StartGet(const GetRequest& request);
  virtual std::optional<Status> FinishGet(Deadline until, class WireSink* sink,
                                          std::vector<Found>* found);

  // Whether the connection may go on being used; asked between calls. False when it
  // is found dead: then another one takes its place. May ask the database, within a
  // bound, when the connection was idle for long.
  virtual bool Fresh() { return true; }
  // Whether it has lived long enough: another one takes its place where one can be
  // had; else it is used on, and says so again after a while.
  virtual bool Aged() { return false; }

  // Rows in order. Not finding any is OK.
  virtual Status List(const Query& query, Sink* sink) = 0;

  // How many rows match `query`; order, after, skip and limit do not matter.
  virtual Result<int64_t> Count(const Query& query) = 0;

  // One row a group, with the fields of the aggregate's row; without groups exactly
  // one, also of no rows. Sums of integers past int64: OUT_OF_RANGE, reason
  // SUM_OUT_OF_RANGE, metadata "field". UNIMPLEMENTED, reason AGGREGATE_UNAVAILABLE,
  // where the database cannot.
  virtual Status Aggregate(const AggregateQuery& query, Sink* sink);

  // Rows of a native query, which changes nothing. A column that the row has no field
  // for is left out. INTERNAL, reason NATIVE_QUERY_FAILED, when the database refuses
  // the text: the schema is wrong then, not the caller.
  virtual Status Native(const NativeQuery& query, Sink* sink);

  // How the database would answer List, in its own words. For people and tests.
  // UNIMPLEMENTED, reason EXPLAIN_UNAVAILABLE, where it does not say.
  virtual Result<std::string> Explain(const Query& query);

  // Independent writes; the session may commit them together, and an error of
  // one never touches another. OK when each write has its outcome; an error (of
  // the commit, say) means that none of them happened, or with UNKNOWN that
  // nobody knows. A write that happened is durable when this returns.
  virtual Status Apply(std::span<Write* const> writes) = 0;

  // Statements sent to the database so far, transaction brackets aside.
  virtual int64_t statements() const = 0;
};

inline Status Session::StartGet(const GetRequest&) {
  return Status(Code::kInternal, "NO_START_GET", "This kind of session has no StartGet.");
}
inline std::optional<Status> Session::FinishGet(Deadline, class WireSink*, std::vector<Found>*) {
  return StartGet({});
}

inline Status Session::Aggregate(const AggregateQuery&, Sink*) {
  return Status(Code::kUnimplemented, "AGGREGATE_UNAVAILABLE",
                "This database cannot compute over groups of records.");
}
inline Status Session::Native(const NativeQuery&, Sink*) {
  return Status(Code::kUnimplemented, "NATIVE_UNAVAILABLE",
                "This database has no language for native queries.");
}
inline Result<std::string> Session::Explain(const Query&) {
  return Status(Code::kUnimplemented, "EXPLAIN_UNAVAILABLE",
                "This database does not say how it answers a query.");
}

// Numbered migrations as the database sees them (server/migrate/ runs them).
class Migrator;

// One database. Any thread.
class Backend {
 public:
  virtual ~Backend() = default;

  // "sqlite", "postgresql" … for logs and health.
  virtual std::string_view kind() const = 0;
  virtual Capabilities capabilities() const = 0;

  // A new session. Reads go to sessions made for them where the database tells
  // readers from writers. UNAVAILABLE when the database does not answer.
  enum class Use { kRead, kWrite };
  virtual Result<std::unique_ptr<Session>> Connect(Use use) = 0;

  // The value kept under `name`, or `proposed`, kept from now on. Whoever comes
  // first wins, also among processes.
  virtual Result<std::string> KeepSecret(std::string_view name, std::string_view proposed) = 0;

  // Never null; owned by the backend.
  virtual Migrator* migrator() = 0;
};

}  // namespace storegate::repository

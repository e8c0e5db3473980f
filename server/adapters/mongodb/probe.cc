#include "server/adapters/mongodb/probe.h"

#include <string>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/element.h"
#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/expression.h"
#include "server/adapters/mongodb/filter_parts.h"
#include "server/base/log.h"
#include "server/base/text.h"

namespace storegate::mongodb {
namespace {

// What MongoDB 4.2 speaks.
constexpr int kWireVersionMin = 8;

struct Greeting {
  int wire_version = 0;
  bool sessions = false;
  bool may_have_transactions = false;  // a replica set's member, or a router
};

Greeting Read(const Bson& reply) {
  Greeting greeting;
  bson_iter_t at;
  if (!bson_iter_init(&at, reply.get())) return greeting;
  while (bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    if (key == "maxWireVersion") greeting.wire_version = static_cast<int>(bson_iter_as_int64(&at));
    if (key == "logicalSessionTimeoutMinutes" && BSON_ITER_HOLDS_NUMBER(&at)) {
      greeting.sessions = true;
    }
    if (key == "setName") greeting.may_have_transactions = true;
    if (key == "msg" && BSON_ITER_HOLDS_UTF8(&at) &&
        std::string_view(bson_iter_utf8(&at, nullptr)) == "isdbgrid") {
      greeting.may_have_transactions = true;
    }
  }
  return greeting;
}

// A collection of its own, gone with this.
class TrialCollection {
 public:
  explicit TrialCollection(Connection* connection)
      : connection_(*connection), name_("_storegate_probe_" + NewUuidV7()) {}
  ~TrialCollection() {
    Bson drop;
    drop.AddText("drop", name_);
    connection_.Write(drop);
  }
  TrialCollection(const TrialCollection&) = delete;
  TrialCollection& operator=(const TrialCollection&) = delete;

  const std::string& name() const { return name_; }

 private:
  Connection& connection_;
  const std::string name_;
};

bool HasWriteErrors(const Answer& answer) {
  bson_iter_t at;
  return bson_iter_init_find(&at, answer.reply.get(), "writeErrors");
}

class Trial {
 public:
  Trial(Connection* inside, Connection* outside)
      : inside_(*inside), outside_(*outside), collection_(outside) {}
  ~Trial() { inside_.Abort(); }

  // Whether what is taken back was never there, and what is committed is there.
  bool TransactionsWork() {
    Bson create;
    create.AddText("create", collection_.name());
    if (!outside_.Write(create).ok()) return false;
    if (!InsertWithin(1) || Sees(1)) return false;
    inside_.Abort();
    if (Sees(1)) return false;
    if (!InsertWithin(2)) return false;
    return !inside_.Commit().has_value() && Sees(2);
  }

 private:
  bool InsertWithin(int id) {
    if (!inside_.BeginTransaction().ok()) return false;
    Bson document, insert;
    document.AddInt32("_id", id);
    BsonArray documents;
    documents.Add(document);
    insert.AddText("insert", collection_.name()).AddArray("documents", documents.bson());
    const Answer answer = inside_.Write(insert);
    return answer.ok() && !HasWriteErrors(answer);
  }

  bool Sees(int id) {
    Bson filter, find;
    filter.AddInt32("_id", id);
    find.AddText("find", collection_.name()).AddDocument("filter", filter);
    Cursor cursor(&outside_, find);
    return cursor.Next() != nullptr;
  }

  Connection& inside_;
  Connection& outside_;
  const TrialCollection collection_;
};

// Whether pipelines compute what aggregates.h makes of them.
class GroupTrial {
 public:
  explicit GroupTrial(Connection* connection)
      : connection_(*connection), collection_(connection) {}

  // UNAVAILABLE when the server did not say.
  Result<bool> Works() {
    // Of both documents: 2^53 and 2^53 + 2, whose sum is no double.
    Bson insert;
    BsonArray documents;
    for (const int64_t more : {0, 2}) {
      Bson document;
      document.AddInt64("_id", more).AddDate("time", 0).AddInt64("number", kLarge + more);
      documents.Add(document);
    }
    insert.AddText("insert", collection_.name()).AddArray("documents", documents.bson());
    const Answer inserted = connection_.Write(insert);
    if (inserted.ok() && HasWriteErrors(inserted)) return false;
    if (!inserted.ok()) return Judged(*inserted.failure);
    // Of two accumulators some servers forget one and say nothing. They are asked that
    // first: some of what is asked then is to one of them a reason to hang up.
    Bson sums;
    sums.AddNull("_id");
    Expression::Unary("$sum", Expression::Int(1)).AppendTo("count", &sums);
    Expression::Unary("$sum", Expression::Path("_id")).AppendTo("sum", &sums);
    const Result<bool> sums_work = Gives(sums, {{"count", 2}, {"sum", 2}});
    if (!sums_work.ok() || !*sums_work) return sums_work;
    const Expression number = Expression::Path("number");
    Bson group;
    Year().AppendTo("_id", &group);
    Expression::Unary("$sum", Expression::Call("$multiply", number, Expression::Decimal("1")))
        .AppendTo("sum", &group);
    Expression::Unary("$max", number).AppendTo("greatest", &group);
    Expression::Unary("$addToSet", number).AppendTo("different", &group);
    Expression::Unary("$sum", Expression::Int(1)).AppendTo("count", &group);
    return Gives(group, {{"sum", 2 * kLarge + 2}, {"greatest", kLarge + 2}, {"count", 2}},
                 "1969");
  }

 private:
  static constexpr int64_t kLarge = int64_t{1} << 53;

  // 1970 in New York is 1969.
  static Expression Year() {
    Bson named, call;
    Expression::Path("time").AppendTo("date", &named);
    named.AddText("format", "%Y").AddText("timezone", "America/New_York");
    call.AddDocument("$dateToString", named);
    return Expression::Call("$ifNull", Expression(call), Expression::Null());
  }

  static Result<bool> Judged(const Failure& failure) {
    const bool said = failure.what == Failure::What::kStatement ||
                      failure.what == Failure::What::kUnsupported;
    if (said && failure.status.code() != Code::kDeadlineExceeded) return false;
    return DatabaseUnreachable();
  }

  // Whether there is one group, which has the numbers and is of that name; "": of none.
  Result<bool> Gives(const Bson& group,
                     const std::vector<std::pair<std::string, int64_t>>& numbers,
                     std::string_view name = "") {
    BsonArray pipeline;
    pipeline.Add(Document("$group", group));
    Bson command;
    command.AddText("aggregate", collection_.name()).AddArray("pipeline", pipeline.bson());
    command.AddDocument("cursor", Bson());
    Cursor cursor(&connection_, command);
    const bson_t* document = cursor.Next();
    if (cursor.failure()) return Judged(*cursor.failure());
    bson_iter_t at;
    if (document == nullptr || !bson_iter_init_find(&at, document, "_id") ||
        TextAt(at).value_or("") != name) {
      return false;
    }
    for (const auto& [key, number] : numbers) {
      if (!bson_iter_init_find(&at, document, key.c_str()) ||
          IntegerAt(at, schema::Type::kInt64) != number) {
        return false;
      }
    }
    return cursor.Next() == nullptr && !cursor.failure();
  }

  Connection& connection_;
  const TrialCollection collection_;
};

// MongoDB greets anybody, and answers pings; what needs a right shows who has none.
Status MayRead(Connection* connection) {
  Bson projection, find;
  projection.AddInt32("_id", 1);
  find.AddText("find", "_storegate_secrets").AddDocument("projection", projection);
  find.AddInt64("limit", 1).AddBool("singleBatch", true);
  const Answer answer = connection->Read(find);
  if (answer.ok()) return {};
  const Pool& pool = connection->pool();
  return OpenFailure(connection->last_error(), pool.user(), pool.database());
}

}  // namespace

Result<Abilities> Probe(const std::shared_ptr<Pool>& pool) {
  const Deadline until = pool->ConnectUntil();
  Result<std::unique_ptr<Connection>> connection = Connection::Open(pool, until);
  if (!connection.ok()) return connection.status();
  (*connection)->Begin(until);
  // Not "hello": older servers, and some that are none, do not know it.
  Bson ask;
  ask.AddInt32("isMaster", 1);
  const Answer answer = (*connection)->Read(ask);
  if (!answer.ok()) return answer.failure->status;
  const Greeting greeting = Read(answer.reply);
  if (greeting.wire_version < kWireVersionMin) return UnsupportedDatabase(greeting.wire_version);
  if (Status status = MayRead(connection->get()); !status.ok()) return status;
  Abilities abilities;
  if (greeting.sessions && greeting.may_have_transactions) {
    Result<std::unique_ptr<Connection>> other = Connection::Open(pool, until);
    if (!other.ok()) return other.status();
    (*connection)->Begin(until);
    (*other)->Begin(until);
    abilities.transactions = Trial(connection->get(), other->get()).TransactionsWork();
  }
  (*connection)->Begin(pool->ConnectUntil());
  const Result<bool> groups = GroupTrial(connection->get()).Works();
  if (!groups.ok()) return groups.status();
  abilities.aggregates = *groups;
  Log(Level::kInfo, "mongodb is open",
      {{"wire_version", greeting.wire_version},
       {"transactions", abilities.transactions},
       {"aggregates", abilities.aggregates}});
  return abilities;
}

}  // namespace storegate::mongodb

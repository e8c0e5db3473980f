#include "server/adapters/mongodb/probe.h"

#include <string>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/errors.h"
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
class Trial {
 public:
  Trial(Connection* inside, Connection* outside)
      : inside_(*inside), outside_(*outside), name_("_storegate_probe_" + NewUuidV7()) {}
  ~Trial() {
    inside_.Abort();
    Bson drop;
    drop.AddText("drop", name_);
    outside_.Write(drop);
  }

  // Whether what is taken back was never there, and what is committed is there.
  bool TransactionsWork() {
    Bson create;
    create.AddText("create", name_);
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
    insert.AddText("insert", name_).AddArray("documents", documents.bson());
    const Answer answer = inside_.Write(insert);
    bson_iter_t at;
    return answer.ok() && !bson_iter_init_find(&at, answer.reply.get(), "writeErrors");
  }

  bool Sees(int id) {
    Bson filter, find;
    filter.AddInt32("_id", id);
    find.AddText("find", name_).AddDocument("filter", filter);
    Cursor cursor(&outside_, find);
    return cursor.Next() != nullptr;
  }

  Connection& inside_;
  Connection& outside_;
  const std::string name_;
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
  Log(Level::kInfo, "mongodb is open",
      {{"wire_version", greeting.wire_version}, {"transactions", abilities.transactions}});
  return abilities;
}

}  // namespace storegate::mongodb

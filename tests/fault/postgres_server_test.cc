// Faults of PostgreSQL itself.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <unistd.h>

#include "server/migrate/ddl.h"
#include "tests/fault/postgres_fault.h"
#include "tests/support/counts.h"

namespace storegate::test {
namespace {

using std::chrono::milliseconds;
using schema::Operation;

// A connection of the test's own, held until it goes.
class Held {
 public:
  explicit Held(const std::string& url) : connection_(PQconnectdb(url.c_str()), PQfinish) {}
  bool ok() const { return PQstatus(connection_.get()) == CONNECTION_OK; }
  void Run(const std::string& sql) {
    std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection_.get(), sql.c_str()),
                                                         PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        << sql << ": " << PQerrorMessage(connection_.get());
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

std::string TableOf(const schema::Entity& entity) {
  return migrate::QuoteIdentifier(entity.collection);
}

class PostgresFaults : public PostgresFault {};

TEST_F(PostgresFaults, KilledInTheMiddleOfWritesLosesNothingAcknowledged) {
  // kill -9 of all of PostgreSQL under load, and a start: service returns by itself, and what
  // was acknowledged is there.
  PostgresServer own({.durable = true});
  Open(&own);
  for (int round = 0; round < Count(10); ++round) {
    Load load(this, 6, 6000);
    while (load.running() && load.acknowledged() < 60) std::this_thread::sleep_for(milliseconds(1));
    own.Kill();
    EXPECT_FALSE(Await(StartCreate(*make().Make(entity()), milliseconds(2000))).ok());
    own.Start();
    load.Stop();
    ExpectRecovery();
    ExpectAsAnswered(load.Attempts());
  }
  TearDown();
}

TEST_F(PostgresFaults, FrozenIsAnsweredAtTheDeadline) {
  // A server that hangs, connections and all: calls are answered, and when it goes on, so does
  // service.
  PostgresServer own({.durable = true});
  Open(&own);
  MessagePtr record = make().Created(entity());
  own.Freeze();
  for (int i = 0; i < 10; ++i) {
    std::future<Reply> read = StartGet(*record, milliseconds(200));
    std::future<Reply> list = StartList(milliseconds(200));
    EXPECT_TRUE(Allowed(Await(std::move(read)).status));
    EXPECT_TRUE(Allowed(Await(std::move(list)).status));
  }
  own.Thaw();
  ExpectRecovery();
  TearDown();
}

TEST_F(PostgresFaults, NoConnectionToBeHadIsUnavailable) {
  // Others hold every slot: calls are UNAVAILABLE, not INTERNAL, and go on when one is free.
  PostgresServer own({.max_connections = 12});
  Open(&own);
  MessagePtr record = make().Created(entity());
  std::vector<std::unique_ptr<Held>> others;
  proxy().Refuse();
  while (others.size() < 100) {
    others.push_back(std::make_unique<Held>(own.Url("postgres")));
    if (!others.back()->ok()) break;
  }
  ASSERT_FALSE(others.back()->ok());
  proxy().Forward();
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(HasStatus(store().Get(IdOf(*record, entity())).status, Code::kUnavailable,
                          "DATABASE_UNAVAILABLE"));
    EXPECT_TRUE(HasStatus(store().Create(*make().Make(entity())).status, Code::kUnavailable,
                          "DATABASE_UNAVAILABLE"));
  }
  others.clear();
  ExpectRecovery();
  TearDown();
}

TEST_F(PostgresFaults, ConnectionsThatAreTerminatedAreReplaced) {
  // pg_terminate_backend of all connections under load, again and again.
  Load load(this, 6, Count(6000));
  Held admin(server().Url("postgres"));
  for (int i = 0; i < Count(200) && load.running(); ++i) {
    admin.Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
              DatabaseName(gateway().database()) + "'");
    std::this_thread::sleep_for(milliseconds(20));
  }
  load.Stop();
  ExpectRecovery();
  ExpectAsAnswered(load.Attempts());
}

TEST_F(PostgresFaults, StatementsThatAreCancelledFromOutsideTouchNoOther) {
  // pg_cancel_backend at random moments: a call is right or says that it may be tried again.
  Load load(this, 6, Count(6000));
  Held admin(server().Url("postgres"));
  for (int i = 0; i < Count(1000) && load.running(); ++i) {
    admin.Run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = '" +
              DatabaseName(gateway().database()) + "'");
    std::this_thread::sleep_for(milliseconds(2));
  }
  load.Stop();
  ExpectRecovery();
  ExpectAsAnswered(load.Attempts());
}

TEST_F(PostgresFaults, ALockedTableCostsNoMoreThanTheDeadline) {
  // Somebody holds ACCESS EXCLUSIVE, as ALTER TABLE does: calls end at their deadlines, and the
  // first ones after it are right, on the same connections.
  std::vector<MessagePtr> records = make().CreatedMany(entity(), 4);
  ExpectRecovery();
  const int64_t accepted = proxy().accepted();
  for (int round = 0; round < Count(30); ++round) {
    Held other(AdminUrl());
    other.Run("BEGIN");
    other.Run("LOCK TABLE " + TableOf(entity()) + " IN ACCESS EXCLUSIVE MODE");
    std::vector<std::future<Reply>> calls;
    for (const MessagePtr& record : records) {
      calls.push_back(StartGet(*record, milliseconds(150)));
      calls.push_back(StartList(milliseconds(150)));
      calls.push_back(StartCreate(*make().Make(entity()), milliseconds(150)));
    }
    for (std::future<Reply>& call : calls) {
      EXPECT_TRUE(HasStatus(Await(std::move(call)).status, Code::kDeadlineExceeded));
    }
    other.Run("ROLLBACK");
    for (const MessagePtr& record : records) {
      EXPECT_TRUE(HasStatus(store().Get(IdOf(*record, entity())).status, Code::kOk));
      EXPECT_TRUE(HasStatus(store().List({.page_size = 5}).status, Code::kOk));
      EXPECT_TRUE(HasStatus(store().Create(*make().Make(entity())).status, Code::kOk));
    }
  }
  EXPECT_EQ(proxy().accepted(), accepted) << "a deadline cost a connection";
}

TEST_F(PostgresFaults, AMigrationUnderARunningGatewayIsNotSeenByCallers) {
  // Columns are added, dropped again and widened while calls are under way: not one fails.
  Open(&SharedServer(), "types");
  std::vector<std::string> widen;
  for (const schema::Field* field : entity().stored) {
    const std::string column = migrate::QuoteIdentifier(field->column);
    if (field->type == schema::Type::kInt32 && !field->nested()) {
      const std::string list = field->presence == schema::Presence::kRepeated ? "[]" : "";
      widen.push_back("ALTER TABLE " + TableOf(entity()) + " ALTER COLUMN " + column +
                      " TYPE bigint" + list);
    }
    if (field->type == schema::Type::kFloat && !field->nested()) {
      const std::string list = field->presence == schema::Presence::kRepeated ? "[]" : "";
      widen.push_back("ALTER TABLE " + TableOf(entity()) + " ALTER COLUMN " + column +
                      " TYPE double precision" + list);
    }
  }
  Load load(this, 4, 30000);
  Held admin(AdminUrl());
  for (int i = 0; i < Count(100); ++i) {
    const std::string name = "later_" + std::to_string(i);
    admin.Run("ALTER TABLE " + TableOf(entity()) + " ADD COLUMN " + name + " text DEFAULT 'x'");
    std::this_thread::sleep_for(milliseconds(10));
    if (i % 2 == 0) admin.Run("ALTER TABLE " + TableOf(entity()) + " DROP COLUMN " + name);
    if (static_cast<size_t>(i) < widen.size()) admin.Run(widen[static_cast<size_t>(i)]);
  }
  load.Stop();
  const std::vector<Attempt> attempts = load.Attempts();
  for (const Attempt& attempt : attempts) EXPECT_TRUE(HasStatus(attempt.status, Code::kOk));
  EXPECT_FALSE(attempts.empty());
  ExpectAsAnswered(attempts);
}

TEST_F(PostgresFaults, StatementsThatAreForgottenAreMadeAgain) {
  // A pooler between resets the session: no caller notices.
  std::vector<MessagePtr> records = make().CreatedMany(entity(), 4);
  ExpectRecovery();
  for (const std::string sql : {"DEALLOCATE ALL", "DISCARD ALL"}) {
    SCOPED_TRACE(sql);
    std::string message = "Q";
    message += std::string(3, '\0') + static_cast<char>(sql.size() + 5) + sql + '\0';
    for (int round = 0; round < 5; ++round) {
      proxy().Inject(message);
      for (const MessagePtr& record : records) {
        const Reply got = store().Get(IdOf(*record, entity()));
        ASSERT_TRUE(HasStatus(got.status, Code::kOk));
        EXPECT_TRUE(SameRecord(*got.response, *record));
        EXPECT_TRUE(HasStatus(store().List({.page_size = 3}).status, Code::kOk));
        EXPECT_TRUE(HasStatus(store().Create(*make().Make(entity())).status, Code::kOk));
      }
    }
  }
}

TEST_F(PostgresFaults, ADiskThatIsFullIsSaidAndLeavesNothingHalf) {
  // Writes fail as STORAGE_FULL, or UNAVAILABLE where PostgreSQL itself gives up; reads go on
  // where it is up; with room again, so is service. What was acknowledged is there.
  const std::filesystem::path flag =
      std::filesystem::temp_directory_path() / ("storegate-full-" + std::to_string(getpid()));
  PostgresServer own({.durable = true,
                      .settings = {{"min_wal_size", "2MB"}, {"max_wal_size", "4MB"}},
                      .initdb = {"--wal-segsize=1"},
                      .environment = {{"LD_PRELOAD", STOREGATE_FULL_DISK_LIBRARY},
                                      {"STOREGATE_FULL_DISK", flag},
                                      {"STOREGATE_FULL_DISK_FOLDER", "/"}}});
  Open(&own);
  MessagePtr first = make().Created(entity());
  std::vector<Attempt> attempts;
  std::set<std::string> reasons;
  for (int round = 0; round < 3; ++round) {
    std::ofstream(flag) << "full";
    for (int i = 0; i < 300; ++i) {
      std::vector<MessagePtr> records = make().MakeMany(entity(), 50);
      Attempt attempt;
      std::vector<const Message*> sent;
      for (const MessagePtr& record : records) {
        attempt.ids.push_back(IdOf(*record, entity()));
        sent.push_back(record.get());
      }
      attempt.status = store().BatchCreate(sent).status;
      if (attempt.status.code() == Code::kResourceExhausted) {
        EXPECT_TRUE(HasStatus(attempt.status, Code::kResourceExhausted, "STORAGE_FULL"));
      } else {
        EXPECT_TRUE(Allowed(attempt.status));
      }
      attempts.push_back(attempt);
      if (attempt.status.ok()) continue;
      reasons.insert(attempt.status.reason());
      EXPECT_TRUE(Allowed(store().Get(IdOf(*first, entity())).status));
      break;
    }
    EXPECT_FALSE(attempts.back().status.ok()) << "the disk was never full";
    std::filesystem::remove(flag);
    own.StartAgain();
    ExpectRecovery();
  }
  ExpectAsAnswered(attempts);
  for (const std::string& reason : reasons) std::printf("said: %s\n", reason.c_str());
  TearDown();
}

}  // namespace
}  // namespace storegate::test

// The MongoDB adapter on FerretDB, which refuses options that it does not know, ends
// commands at maxTimeMS, and has users: what mongo-java-server lets pass unseen.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/backend.h"
#include "server/migrate/runner.h"
#include "server/repository/wire_sink.h"
#include "tests/ferretdb/ferretdb_case.h"
#include "tests/support/expected.h"
#include "tests/support/migrate.h"
#include "tests/support/mongodb.h"
#include "tests/support/mongodb_server.h"
#include "tests/support/proxy.h"
#include "tests/support/store_client.h"

namespace storegate::test {
namespace {

using repository::Backend;
using repository::Session;
using schema::Operation;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

BackendUnderTest Ferretdb(bool tls = false) {
  MongodbPlace place;
  place.admin_url_of = [tls](const std::string& database) {
    return tls ? SharedFerretdb().TlsUrl(database) : SharedFerretdb().PlainUrl(database);
  };
  BackendUnderTest backend = MongodbAt(std::move(place));
  // Its updates are not atomic: one at a time.
  backend.write_threads = 1;
  return backend;
}

MessagePtr NoteOf(const std::string& text) {
  MessagePtr note = NewRecord(Note());
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, note.get())) << text;
  return note;
}
MessagePtr Numbered(int number, const std::string& more = "") {
  const std::string digits = std::to_string(number);
  return NoteOf("id: 'n" + digits + "' title: 'Title " + digits + "' slug: 's" + digits +
                "' place: " + digits + " " + more);
}
Value Id(int number) { return "n" + std::to_string(number); }

class FerretdbStore : public testing::TestWithParam<bool> {
 protected:
  void CreateMany(int count) {
    std::vector<MessagePtr> notes;
    std::vector<const Message*> pointers;
    for (int i = 0; i < count; ++i) {
      notes.push_back(Numbered(i));
      pointers.push_back(notes.back().get());
    }
    const Reply reply = store_.BatchCreate(pointers, true);
    ASSERT_TRUE(reply.ok()) << reply.status.ToString();
    ASSERT_EQ(store_.Records(reply, Operation::kBatchCreate).size(), pointers.size());
  }

  Gateway gateway_{Ferretdb(GetParam()), Notes()};
  StoreClient store_{&gateway_, &Note()};
};
INSTANTIATE_TEST_SUITE_P(Ways, FerretdbStore, testing::Bool(),
                         [](const auto& info) { return info.param ? "Tls" : "Plain"; });

TEST_P(FerretdbStore, ARecordIsCreatedReadChangedAndGone) {
  const MessagePtr sent = Numbered(1, "remark: 'größer' tags: ['a', 'b'] "
                                      "counts: {key: 'x.y' value: 3} counts: {key: 'z' value: -1}");
  const Reply created = store_.Create(*sent);
  ASSERT_TRUE(created.ok()) << created.status.ToString();
  EXPECT_TRUE(SameData(*created.response, *sent, Note()));

  const Reply read = store_.Get(Id(1));
  ASSERT_TRUE(read.ok()) << read.status.ToString();
  EXPECT_TRUE(SameRecord(*read.response, *created.response));
  EXPECT_TRUE(HasStatus(store_.Get(Id(2)).status, Code::kNotFound, "RECORD_NOT_FOUND"));

  MessagePtr change = Clone(*read.response);
  SetValue(change.get(), *Note().Find("title"), std::string("Other"));
  change->GetReflection()->ClearField(change.get(), Note().Find("remark")->descriptor);
  const Reply changed = store_.Update(*change, {"title", "remark"});
  ASSERT_TRUE(changed.ok()) << changed.status.ToString();
  EXPECT_TRUE(SameData(*changed.response, *change, Note()));
  // The etag is that of before.
  EXPECT_TRUE(HasStatus(store_.Update(*change, {"title"}).status, Code::kAborted, "ETAG_MISMATCH"));

  const std::string etag = EtagOf(*changed.response, Note());
  ASSERT_TRUE(store_.Delete(Id(1), {.etag = etag}).ok());
  EXPECT_TRUE(HasStatus(store_.Get(Id(1)).status, Code::kNotFound, "RECORD_DELETED"));
  EXPECT_TRUE(store_.Get(Id(1), true).ok());
  const Reply back = store_.Undelete(Id(1));
  ASSERT_TRUE(back.ok()) << back.status.ToString();
  EXPECT_TRUE(SameData(*back.response, *change, Note()));
  ASSERT_TRUE(store_.Purge(Id(1)).ok());
  EXPECT_TRUE(HasStatus(store_.Get(Id(1), true).status, Code::kNotFound, "RECORD_NOT_FOUND"));
}

TEST_P(FerretdbStore, OneCountOrSumIsComputedAndNoMore) {
  // Of two it answers one, and says nothing.
  EXPECT_FALSE(gateway_.backend().capabilities().aggregates);
  const auto ask = [this](const std::string& name) {
    const schema::Method& method = *Notes().schema->FindMethod("/notes.v1.NoteStore/" + name);
    const Reply reply = gateway_.Call(method, *MessagePtr(method.request->New()));
    return reply.ok() ? reply.response->ShortDebugString() : reply.status.reason();
  };
  EXPECT_EQ(ask("CountRemarks"), "");
  EXPECT_EQ(ask("SumPlaces"), "rows { }");
  for (const int number : {1, 2, 3, 4, 5}) {
    const std::string remark = number < 3 ? "" : "remark: '" + std::to_string(number % 2) + "'";
    ASSERT_TRUE(store_.Create(*Numbered(number, remark)).ok());
  }
  ASSERT_TRUE(store_.Create(*NoteOf("id: 'm' title: 'M' slug: 'm' place: -9223372036854775808")).ok());
  ASSERT_TRUE(store_.Delete(Id(5)).ok());
  EXPECT_EQ(ask("CountRemarks"),
            "rows { notes: 3 } rows { remark: \"0\" notes: 1 } rows { remark: \"1\" notes: 1 }");
  EXPECT_EQ(ask("SumPlaces"), "rows { place: -9223372036854775798 }");
  ASSERT_TRUE(store_.Create(*NoteOf("id: 'l' title: 'L' slug: 'l' place: -11")).ok());
  EXPECT_EQ(ask("SumPlaces"), "SUM_OUT_OF_RANGE");
  EXPECT_EQ(ask("RankPlaces"), "AGGREGATE_UNAVAILABLE");
}

TEST_P(FerretdbStore, APlanIsTold) {
  const Result<std::unique_ptr<Session>> session =
      gateway_.backend().Connect(Backend::Use::kRead);
  ASSERT_TRUE(session.ok()) << session.status().ToString();
  repository::Query query;
  query.entity = &Note();
  query.limit = 1;
  const Result<std::string> plan = (*session)->Explain(query);
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  EXPECT_THAT(*plan, HasSubstr("queryPlanner"));
}

TEST_P(FerretdbStore, AnIdThatIsTakenIsTaken) {
  ASSERT_TRUE(store_.Create(*Numbered(1)).ok());
  const MessagePtr other = NoteOf("id: 'n1' title: 't' slug: 'other'");
  EXPECT_TRUE(HasStatus(store_.Create(*other).status, Code::kAlreadyExists, "RECORD_EXISTS"));
}

TEST_P(FerretdbStore, AUniqueValueThatIsTakenIsTaken) {
  ASSERT_TRUE(store_.Create(*Numbered(1)).ok());
  const Status status = store_.Create(*NoteOf("id: 'n2' title: 't' slug: 's1'")).status;
  EXPECT_TRUE(HasStatus(status, Code::kAlreadyExists, "UNIQUE_VIOLATION"));
  EXPECT_THAT(status.message(), HasSubstr("slug"));
}

TEST_P(FerretdbStore, AnUpdateOfNoRecordMayCreateIt) {
  const Reply made = store_.Update(*Numbered(7), {"title", "place"}, true);
  ASSERT_TRUE(made.ok()) << made.status.ToString();
  EXPECT_TRUE(SameData(*made.response, *Numbered(7), Note()));
  const Reply again = store_.Update(*Numbered(7, "remark: 'r'"), {"remark"}, true);
  ASSERT_TRUE(again.ok()) << again.status.ToString();
  EXPECT_TRUE(SameData(*again.response, *Numbered(7, "remark: 'r'"), Note()));
}

TEST_P(FerretdbStore, ManyAreReadByIdAtOnce) {
  CreateMany(200);
  std::vector<Value> ids;
  for (int i = 220; i-- > 0;) ids.push_back(Id(i));
  const Reply reply = store_.BatchGet(ids);
  ASSERT_TRUE(reply.ok()) << reply.status.ToString();
  const std::vector<const Message*> records = store_.Records(reply, Operation::kBatchGet);
  ASSERT_EQ(records.size(), 200u);
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(SameData(*records[i], *Numbered(199 - i), Note()));
}

TEST_P(FerretdbStore, ListsAreFilteredSortedCountedAndComeInPages) {
  CreateMany(300);
  ASSERT_TRUE(store_.Delete(Id(299)).ok());
  ListArgs args;
  args.page_size = 120;  // more than comes in one batch
  args.order_by = "place desc";
  args.include_total_size = true;
  args.fill = [](Message* request) {
    SetValue(request, FieldNamed(*request, "place_min"), int64_t{50});
  };
  const Reply first = store_.List(args);
  ASSERT_TRUE(first.ok()) << first.status.ToString();
  EXPECT_EQ(GetValue(*first.response, FieldNamed(*first.response, "total_size")),
            Value(int64_t{249}));
  const std::vector<MessagePtr> all = store_.ListAll(args);
  ASSERT_EQ(all.size(), 249u);
  for (int i = 0; i < 249; ++i) EXPECT_TRUE(SameData(*all[i], *Numbered(298 - i), Note()));

  args.skip = 200;
  args.show_deleted = true;
  const Reply rest = store_.List(args);
  ASSERT_TRUE(rest.ok()) << rest.status.ToString();
  EXPECT_EQ(store_.Records(rest, Operation::kList).size(), 50u);

  ListArgs search;
  search.search = "TITLE 17";
  EXPECT_EQ(store_.ListAll(search).size(), 11u);
}

// --- Through a session ---

// Takes so many rows, then wants no more.
class FewRows : public repository::WireSink {
 public:
  explicit FewRows(int few) : WireSink(&bytes_), few_(few) { SetEntity(&test::Note()); }
  bool EndRow() override { return WireSink::EndRow() && ++rows_ < few_; }
  int rows() const { return rows_; }

 private:
  std::string bytes_;
  int few_, rows_ = 0;
};

std::unique_ptr<TestDatabase> MakeDatabase(const BackendUnderTest& backend) {
  Result<std::unique_ptr<TestDatabase>> made = backend.create(*Notes().schema);
  EXPECT_TRUE(made.ok()) << made.status().ToString();
  return made.ok() ? *std::move(made) : nullptr;
}

std::unique_ptr<Session> Connected(Backend& backend) {
  Result<std::unique_ptr<Session>> session = backend.Connect(Backend::Use::kRead);
  EXPECT_TRUE(session.ok()) << session.status().ToString();
  return session.ok() ? *std::move(session) : nullptr;
}

repository::Query AllNotes(milliseconds time) {
  repository::Query query;
  query.entity = &Note();
  query.order = *query::ParseOrder("", Note());
  query.limit = 100000;
  query.deadline = steady_clock::now() + time;
  return query;
}

// Documents as the gateway writes them, by the thousand: `bytes` of remark each.
void Fill(const std::string& database, int count, size_t bytes) {
  MongodbClient client(SharedFerretdb().PlainUrl(database));
  const std::string remark(bytes, 'r');
  constexpr int kBatch = 200;
  for (int begin = 0; begin < count; begin += kBatch) {
    std::string documents;
    for (int i = begin; i < std::min(begin + kBatch, count); ++i) {
      const std::string n = std::to_string(i);
      documents += (i == begin ? "" : ",") + (R"({"_id": "n)" + n + R"(", "slug": "s)" + n) +
                   R"(", "place": {"$numberLong": ")" + n + R"("}, "title": "t", )" +
                   R"("_folded_title": "t", "tags": [], "counts": {}, )" +
                   R"("_version": {"$numberLong": "1"}, "remark": ")" + remark + "\"}";
    }
    client.Run(R"({"insert": ")" + Note().collection + R"(", "documents": [)" + documents + "]}");
  }
}

TEST(FerretdbSession, AListThatIsLeftEarlyLeavesTheConnectionUsable) {
  const std::unique_ptr<TestDatabase> database = MakeDatabase(Ferretdb());
  ASSERT_NE(database, nullptr);
  Fill(MongodbDatabaseName(*database), 400, 1);
  const auto backend = database->Open();
  ASSERT_TRUE(backend.ok()) << backend.status().ToString();
  const std::unique_ptr<Session> session = Connected(**backend);
  ASSERT_NE(session, nullptr);
  for (const int few : {1, 150, 1, 400, 500}) {
    FewRows sink(few);
    const Status status = session->List(AllNotes(seconds(60)), &sink);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(sink.rows(), std::min(few, 400));
  }
  EXPECT_TRUE(session->Fresh());
}

TEST(FerretdbSession, TheServerEndsACommandAtItsDeadlineAndTheConnectionIsUsedOn) {
  Proxy proxy(SharedFerretdb().plain_port());
  MongodbPlace place;
  place.admin_url_of = [](const std::string& name) { return SharedFerretdb().PlainUrl(name); };
  place.url_of = [&proxy](const std::string& name) {
    return With(SharedFerretdb().PlainUrl(name), std::to_string(SharedFerretdb().plain_port()),
                std::to_string(proxy.port()));
  };
  // It is the server's word that is waited for.
  place.change = [](mongodb::Options* options) { options->grace = seconds(60); };
  const std::unique_ptr<TestDatabase> database = MakeDatabase(MongodbAt(std::move(place)));
  ASSERT_NE(database, nullptr);
  Fill(MongodbDatabaseName(*database), 1500, 8000);
  const auto backend = database->Open();
  ASSERT_TRUE(backend.ok()) << backend.status().ToString();
  const std::unique_ptr<Session> session = Connected(**backend);
  ASSERT_NE(session, nullptr);
  const int64_t accepted = proxy.accepted();
  // All are read and sorted, which takes its time: many times what it is given below.
  repository::Query slow = AllNotes(seconds(600));
  slow.order = *query::ParseOrder("remark, title desc", Note());
  const auto start = steady_clock::now();
  FewRows sorted(10);
  ASSERT_TRUE(session->List(slow, &sorted).ok());
  const auto little = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start) / 5;
  const int64_t statements = session->statements();
  for (int i = 0; i < 3; ++i) {
    FewRows sink(10);
    slow.deadline = steady_clock::now() + little;
    const Status listed = session->List(slow, &sink);
    EXPECT_TRUE(HasStatus(listed, Code::kDeadlineExceeded, "DEADLINE_EXCEEDED"));
    const Result<int64_t> count = session->Count(AllNotes(little));
    if (!count.ok()) {
      EXPECT_TRUE(HasStatus(count.status(), Code::kDeadlineExceeded, "DEADLINE_EXCEEDED"));
    }
    EXPECT_EQ(session->statements(), statements + 3 * i + 2);
    EXPECT_TRUE(session->Fresh());
    FewRows few(5);
    repository::Query quick = AllNotes(seconds(600));
    quick.limit = 5;
    const Status status = session->List(quick, &few);
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(few.rows(), 5);
  }
  // Nobody hung up.
  EXPECT_EQ(proxy.accepted(), accepted);
}

// --- Migrations ---

TEST(FerretdbMigrations, AreRunOnceUnderTheirLock) {
  mongodb::Options options;
  options.url = SharedFerretdb().TlsUrl(NewMongodbName());
  Result<std::unique_ptr<Backend>> backend = mongodb::Open(options);
  ASSERT_TRUE(backend.ok()) << backend.status().ToString();
  const migrate::Migration first{1, "0001_first", R"([{"create": "a"}])", ""};
  const migrate::Migration second{
      2, "0002_second",
      R"([{"createIndexes": "a", "indexes": [{"key": {"z": 1}, "name": "z_1", "unique": true}]}])", ""};
  repository::Migrator& migrator = *(*backend)->migrator();
  std::vector<std::string> applied;
  for (const std::vector<migrate::Migration>& known :
       {std::vector{first}, std::vector{first, second}, std::vector{first, second}}) {
    const Status status = UpWith(migrator, mongodb::MongodbGenerator(), known, &applied);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  const auto history = migrator.History();
  ASSERT_TRUE(history.ok()) << history.status().ToString();
  EXPECT_EQ(history->size(), 2u);
  EXPECT_THAT(*migrator.Parts("a"), testing::UnorderedElementsAre("_id_", "z_1"));
}

// --- Servers that fall silent ---

TEST(FerretdbSilence, NobodyWaitsForEverForAHandshake) {
  for (const bool tls : {false, true}) {
    FerretdbServer& server = SharedFerretdb();
    Proxy proxy(tls ? server.tls_port() : server.plain_port());
    const std::string database = NewMongodbName();
    mongodb::Options options;
    options.url = tls ? With(server.TlsUrl(database), std::to_string(server.tls_port()),
                             std::to_string(proxy.port()))
                      : With(server.PlainUrl(database), std::to_string(server.plain_port()),
                             std::to_string(proxy.port()));
    options.connect_timeout = options.server_selection_timeout = seconds(1);
    options.grace = milliseconds(100);
    Result<std::unique_ptr<Backend>> backend = mongodb::Open(options);
    ASSERT_TRUE(backend.ok()) << backend.status().ToString();
    const std::unique_ptr<Session> session = Connected(**backend);
    proxy.BlackHole();
    // A connection of its own, which gets as far as the first word of the handshake.
    const Status silent = (*backend)->Connect(Backend::Use::kRead).status();
    EXPECT_TRUE(HasStatus(silent, Code::kUnavailable, "DATABASE_UNAVAILABLE"));
    proxy.Forward();
    const auto until = steady_clock::now() + seconds(60);
    bool again = false;
    while (!again && steady_clock::now() < until) {
      again = (*backend)->Connect(Backend::Use::kRead).ok();
    }
    EXPECT_TRUE(again);
  }
}

// --- Users that come and go ---

void RunAsAdmin(const std::string& command) {
  RunMongodbCommand(SharedFerretdb().PlainUrl("admin"), command);
}

TEST(FerretdbUser, WhoMayNotAnyMoreFindsTheDatabaseUnavailableAndTheLogSaysWhy) {
  const std::string make = R"({"createUser": "guest", "pwd": "guest's word", "roles": [],
                               "mechanisms": ["SCRAM-SHA-256"]})";
  RunAsAdmin(make);
  const std::unique_ptr<TestDatabase> database = MakeDatabase(Ferretdb());
  ASSERT_NE(database, nullptr);
  Proxy proxy(SharedFerretdb().plain_port());
  mongodb::Options options;
  options.url = "mongodb://guest:guest's%20word@127.0.0.1:" + std::to_string(proxy.port()) + "/" +
                MongodbDatabaseName(*database) +
                "?authSource=admin&authMechanism=SCRAM-SHA-256&serverSelectionTimeoutMS=2000";
  Result<std::unique_ptr<Backend>> backend = mongodb::Open(options);
  ASSERT_TRUE(backend.ok()) << backend.status().ToString();
  const std::unique_ptr<Session> session = Connected(**backend);
  ASSERT_NE(session, nullptr);
  FewRows before(1);
  ASSERT_TRUE(session->List(AllNotes(seconds(60)), &before).ok());

  RunAsAdmin(R"({"dropUser": "guest"})");
  proxy.Cut();
  testing::internal::CaptureStderr();
  FewRows after(1);
  EXPECT_TRUE(HasStatus(session->List(AllNotes(seconds(60)), &after), Code::kUnavailable,
                        "DATABASE_UNAVAILABLE"));
  EXPECT_FALSE(session->Fresh());
  const Status refused = (*backend)->Connect(Backend::Use::kRead).status();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(HasStatus(refused, Code::kFailedPrecondition, "CANNOT_OPEN_DATABASE"));
  EXPECT_THAT(refused.message(), HasSubstr("\"guest\""));
  EXPECT_THAT(log, HasSubstr("mongodb refused the credentials"));
  EXPECT_THAT(log + refused.message(), testing::Not(HasSubstr("guest's")));

  RunAsAdmin(make);
  const auto until = steady_clock::now() + seconds(60);
  bool again = false;
  while (!again && steady_clock::now() < until) {
    again = (*backend)->Connect(Backend::Use::kRead).ok();
  }
  EXPECT_TRUE(again);
  RunAsAdmin(R"({"dropUser": "guest"})");
}

}  // namespace
}  // namespace storegate::test

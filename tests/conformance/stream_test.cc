// Streams: all that a List would page through, in messages that each can be gone on from.
#include <gtest/gtest.h>

#include "server/repository/forwarding.h"
#include "tests/conformance/list_case.h"
#include "tests/support/random_filter.h"

namespace storegate::test {
namespace {

using schema::Operation;

// Expects every question to have a deadline.
class BoundedSession : public repository::ForwardingSession {
 public:
  using ForwardingSession::ForwardingSession;

  Status Get(const repository::GetRequest& request, repository::WireSink* sink,
             std::vector<repository::Found>* found) override {
    EXPECT_LT(request.deadline, Deadline::max());
    return to().Get(request, sink, found);
  }
  Status List(const repository::Query& query, repository::Sink* sink) override {
    EXPECT_LT(query.deadline, Deadline::max());
    return to().List(query, sink);
  }
  Status Aggregate(const repository::AggregateQuery& query, repository::Sink* sink) override {
    EXPECT_LT(query.deadline, Deadline::max());
    return to().Aggregate(query, sink);
  }
};

class BoundedBackend : public repository::ForwardingBackend {
 public:
  using ForwardingBackend::ForwardingBackend;

  Result<std::unique_ptr<repository::Session>> Connect(Use use) override {
    Result<std::unique_ptr<repository::Session>> session = to().Connect(use);
    if (!session.ok()) return session;
    return std::unique_ptr<repository::Session>(new BoundedSession(std::move(*session)));
  }
};

class StreamCase : public ListCase {
 protected:
  const schema::Method& stream() { return store().method(Operation::kStream); }
  const schema::Method& list() { return store().method(Operation::kList); }

  // With messages of one row, or of some.
  enum class Rows { kOne, kSome };
  void FreshWith(Rows rows) {
    GatewayOptions options;
    options.service.stream_step_bytes = 1;
    if (rows == Rows::kSome) {
      for (const MessagePtr& record : make().MakeMany(entity(), 10)) {
        options.service.stream_step_bytes += record->ByteSizeLong();
      }
    }
    Fresh(std::move(options));
  }

  // What the token of another stream's message leads to.
  Status With(const std::string& token, ListArgs other) {
    other.page_token = token;
    const std::unique_ptr<StreamReader> reader = store().Stream(other);
    while (reader->Next() != nullptr) {
    }
    return reader->status();
  }
  std::string FirstToken(const ListArgs& args) {
    const std::unique_ptr<StreamReader> reader = store().Stream(args);
    const MessagePtr message = reader->Next();
    return message == nullptr ? "" : store().StreamToken(*message);
  }
};
STOREGATE_CASES(StreamCase, HasStream);

TEST_P(StreamCase, SendsEveryRecordOnceInEveryOrder) {
  // By each sortable field, up or down, and by several in mixed directions: ties and nulls are
  // where the contract puts them, also where a message ends among them.
  FreshWith(Rows::kSome);
  make().CreatedMany(entity(), 40);
  make().CreatedMany(entity(), 20, {.all_fields = true});
  const std::vector<MessagePtr> records = Everything();
  std::vector<std::string> orders = {"", entity().id->name + " asc"};
  for (const schema::Field* field : SortableFields()) {
    orders.push_back(field->name + (orders.size() % 2 == 0 ? " desc" : ""));
  }
  for (int i = 0; i < Count(200); ++i) {
    std::vector<const schema::Field*> fields = SortableFields();
    std::shuffle(fields.begin(), fields.end(), make().random().engine());
    fields.resize(std::min<size_t>(fields.size(), 2 + i % 3));
    std::string text;
    for (const schema::Field* field : fields) {
      text += (text.empty() ? "" : ", ") + field->name;
      if (make().random().Chance(50)) text += " desc";
    }
    orders.push_back(text);
  }
  for (const std::string& text : orders) {
    ListArgs args;
    args.order_by = text;
    const std::string& order = text.empty() ? entity().default_order_by : text;
    EXPECT_EQ(Ids(store().StreamAll(args)), Sorted(records, order)) << text;
  }
}

TEST_P(StreamCase, SendsRecordsAsAListDoes) {
  make().CreatedMany(entity(), 30, {.all_fields = true});
  const std::vector<MessagePtr> listed = store().ListAll({});
  const std::vector<MessagePtr> streamed = store().StreamAll({});
  ASSERT_EQ(streamed.size(), listed.size());
  for (size_t i = 0; i < listed.size(); ++i) {
    EXPECT_TRUE(SameRecord(*streamed[i], *listed[i]));
  }
}

TEST_P(StreamCase, SendsWhatAListOfTheSameRequestSays) {
  // Filters, predicates of the request's own, search, deleted records.
  FreshWith(Rows::kSome);
  const std::vector<Value> ids = Ids(make().CreatedMany(entity(), 40));
  make().CreatedMany(entity(), 20, {.all_fields = true});
  if (entity().soft_delete()) {
    for (size_t i = 0; i < ids.size(); i += 4) ASSERT_TRUE(store().Delete(ids[i]).ok());
  }
  const std::vector<MessagePtr> records = Everything();
  Random random(Seed(3));
  RandomFilter filters(entity(), &random);
  for (const MessagePtr& record : records) filters.Learn(*record);
  const auto expect_same = [&](ListArgs args, const std::string& what) {
    args.order_by = entity().id->name;
    EXPECT_EQ(Ids(store().StreamAll(args)), Ids(store().ListAll(args))) << what;
  };
  expect_same({.show_deleted = true}, "show_deleted");
  if (stream().search != nullptr) expect_same({.search = "a"}, "search");
  for (int i = 0; i < Count(200) && stream().filter != nullptr; ++i) {
    const std::string filter = filters.Any(2);
    ListArgs args;
    args.show_deleted = i % 2 == 0;
    args.fill = [&](Message* request) {
      SetValue(request, FieldNamed(*request, stream().filter->name()), filter);
    };
    expect_same(args, filter);
  }
  for (const schema::RequestPredicate& predicate : stream().predicates) {
    const Value value = predicate.field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL
                            ? Value(true)
                            : make().ScalarFor(predicate.field, Rules::default_instance(), false);
    ListArgs args;
    args.fill = [&](Message* request) {
      SetValue(request, FieldNamed(*request, predicate.field->name()), value);
    };
    expect_same(args, predicate.field->name());
  }
}

TEST_P(StreamCase, TokenOfEachMessageLeadsToTheRest) {
  // Whichever message was the last that arrived: what follows it comes, and nothing else.
  FreshWith(Rows::kSome);
  make().CreatedMany(entity(), 30);
  make().CreatedMany(entity(), 10, {.all_fields = true});
  std::vector<std::string> orders = {""};
  for (const schema::Field* field : SortableFields()) {
    if (orders.size() < (field->nullable() ? 4 : 2)) orders.push_back(field->name + " desc");
  }
  for (const std::string& order_by : orders) {
    SCOPED_TRACE(order_by);
    ListArgs args;
    args.order_by = order_by;
    std::vector<Value> ids;
    std::vector<std::pair<std::string, size_t>> tokens;  // and how many records come before
    const std::unique_ptr<StreamReader> reader = store().Stream(args);
    while (const MessagePtr message = reader->Next()) {
      for (const Value& id : Ids(store().Streamed(*message))) ids.push_back(id);
      tokens.push_back({store().StreamToken(*message), ids.size()});
    }
    ASSERT_TRUE(HasStatus(reader->status(), Code::kOk));
    EXPECT_EQ(ids.size(), 40u);
    EXPECT_GT(tokens.size(), 2u);
    for (const auto& [token, before] : tokens) {
      EXPECT_EQ(token.empty(), before == ids.size());
      if (token.empty()) continue;
      args.page_token = token;
      EXPECT_EQ(Ids(store().StreamAll(args)),
                std::vector<Value>(ids.begin() + static_cast<ptrdiff_t>(before), ids.end()));
    }
  }
}

TEST_P(StreamCase, TokenSurvivesARestart) {
  FreshWith(Rows::kOne);
  make().CreatedMany(entity(), 5);
  const std::vector<Value> ids = Ids(store().StreamAll({}));
  ListArgs args;
  args.page_token = FirstToken({});
  gateway().Reopen();
  EXPECT_EQ(Ids(store().StreamAll(args)), std::vector<Value>(ids.begin() + 1, ids.end()));
}

TEST_P(StreamCase, TokenIsBoundToItsRequest) {
  // A token of another order, filter, show_deleted, method or store, and what is no token, is
  // INVALID_PAGE_TOKEN.
  FreshWith(Rows::kOne);
  make().CreatedMany(entity(), 5, {.all_fields = true});
  ListArgs args;
  args.order_by = entity().id->name;
  const std::string token = FirstToken(args);
  ASSERT_FALSE(token.empty());
  const auto expect_refused = [&](const std::string& with, const ListArgs& other) {
    EXPECT_TRUE(HasStatus(With(with, other), Code::kInvalidArgument, "INVALID_PAGE_TOKEN"));
  };
  ListArgs other = args;
  other.order_by = entity().id->name + " desc";
  expect_refused(token, other);
  if (stream().show_deleted != nullptr) {
    other = args;
    other.show_deleted = true;
    expect_refused(token, other);
  }
  if (stream().search != nullptr) {
    other = args;
    other.search = "x";
    expect_refused(token, other);
  }
  if (stream().filter != nullptr) {
    other = args;
    other.fill = [&](Message* request) {
      SetValue(request, stream().filter, entity().id->name + ":*");
    };
    expect_refused(token, other);
  }
  for (const std::string& forged : {std::string("x"), token + "A", token.substr(1)}) {
    expect_refused(forged, args);
  }
  // A list's goes on with the list alone, and the other way round.
  ListArgs page = args;
  page.page_size = 1;
  expect_refused(store().NextPageToken(store().List(page)), args);
  page.page_token = token;
  EXPECT_TRUE(
      HasStatus(store().List(page).status, Code::kInvalidArgument, "INVALID_PAGE_TOKEN"));
}

TEST_P(StreamCase, MissesAndRepeatsNothingWhileOthersComeAndGo) {
  // A record that is there all the time comes exactly once, whatever is created and deleted
  // around it between any two messages.
  for (const std::string& order_by : {std::string(), entity().id->name + " desc"}) {
    SCOPED_TRACE(order_by);
    FreshWith(Rows::kOne);
    const std::vector<Value> ids = Ids(make().CreatedMany(entity(), 60));
    std::set<Value> stay = Set(ids);
    std::set<Value> seen;
    ListArgs args;
    args.order_by = order_by;
    const std::unique_ptr<StreamReader> reader = store().Stream(args);
    for (int i = 0; const MessagePtr message = reader->Next(); ++i) {
      ASSERT_LT(i, 1000) << "the stream does not end";
      for (const Value& id : Ids(store().Streamed(*message))) {
        EXPECT_TRUE(seen.insert(id).second) << ToText(id) << " came twice";
      }
      // One that may have come, or that the message ended with, goes; another comes.
      const Value victim = make().random().Pick(ids);
      if (i % 2 == 0 && stay.erase(victim) > 0) {
        ASSERT_TRUE(store().Delete(victim).ok());
      }
      if (i % 2 == 1 && i < 60) Created();
    }
    EXPECT_TRUE(HasStatus(reader->status(), Code::kOk));
    for (const Value& id : stay) EXPECT_EQ(seen.count(id), 1u) << ToText(id) << " was missed";
  }
}

TEST_P(StreamCase, OfNothingIsOneMessageWithoutAToken) {
  const std::unique_ptr<StreamReader> reader = store().Stream({});
  const MessagePtr message = reader->Next();
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->ByteSizeLong(), 0u);
  EXPECT_EQ(reader->Next(), nullptr);
  EXPECT_TRUE(HasStatus(reader->status(), Code::kOk));
}

TEST_P(StreamCase, ReadsNoFurtherThanItsMessagesAreTaken) {
  // While a message waits to be taken the database is asked for nothing, and everybody else has
  // the sessions.
  FreshWith(Rows::kOne);
  const std::vector<Value> ids = Ids(make().CreatedMany(entity(), 10));
  std::vector<std::unique_ptr<StreamReader>> readers;
  for (int i = 0; i < 8; ++i) {
    readers.push_back(store().Stream({}));
    ASSERT_NE(readers.back()->Next(), nullptr);
  }
  ListArgs args;
  args.page_size = 5;
  const int64_t before = gateway().statements();
  ASSERT_TRUE(store().List(args).ok());
  const int64_t of_list = gateway().statements() - before;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store().List(args).ok());
  EXPECT_EQ(gateway().statements() - before, 6 * of_list);
  for (const auto& reader : readers) {
    size_t rest = 0;
    while (const MessagePtr message = reader->Next()) rest += store().Streamed(*message).size();
    EXPECT_EQ(rest, ids.size() - 1);
    EXPECT_TRUE(HasStatus(reader->status(), Code::kOk));
  }
}

TEST_P(StreamCase, AsksForNothingMoreOnceItsCallerIsGone) {
  FreshWith(Rows::kOne);
  make().CreatedMany(entity(), 10);
  ListArgs args;
  args.page_size = 5;
  for (const bool while_reading : {false, true}) {
    const std::unique_ptr<StreamReader> reader = store().Stream({});
    ASSERT_NE(reader->Next(), nullptr);
    ASSERT_NE(reader->Next(), nullptr);
    if (while_reading) reader->Take();
    reader->Abandon();
    EXPECT_FALSE(reader->status().ok());
    const int64_t before = gateway().statements();
    ASSERT_TRUE(store().List(args).ok());
    const int64_t of_list = gateway().statements() - before;
    ASSERT_TRUE(store().List(args).ok());
    EXPECT_EQ(gateway().statements() - before, 2 * of_list);
  }
}

TEST_P(StreamCase, PastItsCallersDeadlineTheDatabaseIsNotAsked) {
  make().CreatedMany(entity(), 5);
  const int64_t before = gateway().statements();
  const std::unique_ptr<StreamReader> late =
      gateway().Stream(stream(), store().StreamRequest({})->SerializeAsString(),
                       std::chrono::milliseconds(-1));
  EXPECT_EQ(late->Next(), nullptr);
  EXPECT_TRUE(HasStatus(late->status(), Code::kDeadlineExceeded));
  EXPECT_EQ(gateway().statements(), before);
}

TEST_P(StreamCase, AsksTheDatabaseNothingWithoutADeadline) {
  // A call without a deadline; what is included is asked for too.
  GatewayOptions options;
  options.wrap = [](std::unique_ptr<repository::Backend> backend) {
    return std::make_unique<BoundedBackend>(std::move(backend));
  };
  Fresh(std::move(options));
  make().CreatedMany(entity(), 10, {.all_fields = true});
  ListArgs args;
  args.fill = [&](Message* request) {
    if (stream().include == nullptr) return;
    Message* mask = request->GetReflection()->MutableMessage(request, stream().include);
    for (const schema::Field& field : entity().fields) {
      if (!field.stored()) SetValue(mask, FieldNamed(*mask, "paths"), field.name);
    }
  };
  EXPECT_EQ(store().StreamAll(args).size(), 10u);
}

TEST_P(StreamCase, RefusesWhatAListRefuses) {
  ListArgs args;
  args.order_by = "no_such_field";
  EXPECT_TRUE(HasStatus(With("", args), Code::kInvalidArgument, "INVALID_ORDER_BY"));
  if (stream().filter == nullptr) return;
  args = {};
  args.fill = [&](Message* request) { SetValue(request, stream().filter, std::string("a = ")); };
  EXPECT_TRUE(HasStatus(With("", args), Code::kInvalidArgument, "INVALID_FILTER"));
}

}  // namespace
}  // namespace storegate::test

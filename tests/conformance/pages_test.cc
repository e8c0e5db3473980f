#include <gtest/gtest.h>

#include "tests/conformance/list_case.h"

namespace storegate::test {
namespace {

using google::protobuf::Reflection;
using schema::Operation;

class PageCase : public ListCase {
 protected:
  const schema::Method& list() { return store().method(Operation::kList); }
  size_t Size(const Reply& reply) { return store().Records(reply, Operation::kList).size(); }
  int64_t Total(const Reply& reply) {
    return std::get<int64_t>(GetValue(*reply.response, list().total_size));
  }
};
STOREGATE_CASES(PageCase, Any);

TEST_P(PageCase, MissAndRepeatNothingWhileOthersComeAndGo) {
  // A walk sees every record that was there all the time exactly once, whatever is created and
  // deleted meanwhile, by every kind of order.
  std::vector<std::string> orders = {"", entity().id->name + " desc"};
  for (const schema::Field* field : SortableFields()) {
    if (orders.size() < 5) orders.push_back(field->name + " desc");
  }
  for (const std::string& order_by : orders) {
    SCOPED_TRACE(order_by);
    Fresh();
    std::vector<Value> ids = Ids(make().CreatedMany(entity(), 40));
    std::set<Value> stay = Set(ids);
    std::set<Value> seen;
    ListArgs args;
    args.order_by = order_by;
    args.page_size = 4;
    for (int page = 0; page < 100; ++page) {
      Reply reply = store().List(args);
      ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
      for (const Value& id : Ids(store().Records(reply, Operation::kList))) {
        EXPECT_TRUE(seen.insert(id).second) << ToText(id) << " came twice";
      }
      args.page_token = store().NextPageToken(reply);
      if (args.page_token.empty()) break;
      // One that may have been seen, or that the page ended with, goes; another comes.
      const Value victim = make().random().Pick(ids);
      if (stay.erase(victim) > 0) {
        ASSERT_TRUE(store().Delete(victim).ok());
      }
      if (page < 10) Created();
    }
    EXPECT_TRUE(args.page_token.empty()) << "the walk does not end";
    for (const Value& id : stay) EXPECT_EQ(seen.count(id), 1u) << ToText(id) << " was missed";
  }
}

class ManyPagesCase : public PageCase {};
STOREGATE_CASES(ManyPagesCase, HasStream);  // stores that are walked as a whole

TEST_P(ManyPagesCase, OfTwoHundredMissAndRepeatNothing) {
  // The same over 200 pages, by several fields in mixed directions, nulls among them, with a
  // record that comes and one that goes between any two.
  std::string order_by;
  int fields = 0;
  for (const schema::Field* field : SortableFields()) {
    if (field == entity().id || (fields > 0 && !field->nullable()) || ++fields > 3) continue;
    order_by += (fields == 1 ? "" : ", ") + field->name + (fields % 2 == 0 ? "" : " desc");
  }
  const std::vector<Value> ids = Ids(make().CreatedMany(entity(), 240));
  const std::vector<MessagePtr> more = make().MakeMany(entity(), 200);
  std::set<Value> stay = Set(ids);
  std::set<Value> seen;
  ListArgs args;
  args.order_by = order_by;
  args.page_size = 1;
  size_t pages = 0;
  do {
    Reply reply = store().List(args);
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    for (const Value& id : Ids(store().Records(reply, Operation::kList))) {
      EXPECT_TRUE(seen.insert(id).second) << ToText(id) << " came twice";
    }
    args.page_token = store().NextPageToken(reply);
    const Value victim = make().random().Pick(ids);
    if (stay.erase(victim) > 0) {
      ASSERT_TRUE(store().Delete(victim).ok());
    }
    if (pages < more.size()) {
      ASSERT_TRUE(HasStatus(store().Create(*more[pages]).status, Code::kOk));
    }
    ASSERT_LT(++pages, 2000u) << "the walk does not end";
  } while (!args.page_token.empty());
  EXPECT_GE(pages, 200u);
  for (const Value& id : stay) EXPECT_EQ(seen.count(id), 1u) << ToText(id) << " was missed";
}

TEST_P(PageCase, MayChangeSizeOnTheWay) {
  // Each page has the size that its own request asks for.
  const std::vector<Value> ids = Ids(make().CreatedMany(entity(), 30));
  ListArgs args;
  std::set<Value> seen;
  for (int size : {1, 5, 2, 10, 12}) {
    args.page_size = size;
    Reply reply = store().List(args);
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    EXPECT_EQ(Size(reply), static_cast<size_t>(size));
    for (const Value& id : Ids(store().Records(reply, Operation::kList))) seen.insert(id);
    args.page_token = store().NextPageToken(reply);
  }
  EXPECT_EQ(seen, Set(ids));
  // 30 of 30 are out: the last page, though it was full, has no token.
  EXPECT_EQ(args.page_token, "");
}

TEST_P(PageCase, TokenIsBoundToItsRequest) {
  // A token of another order, filter, show_deleted or store is INVALID_PAGE_TOKEN.
  make().CreatedMany(entity(), 5, {.all_fields = true});
  ListArgs args;
  args.page_size = 2;
  args.order_by = entity().id->name;
  const std::string token = store().NextPageToken(store().List(args));
  ASSERT_FALSE(token.empty());
  auto expect_refused = [&](ListArgs other, const char* what) {
    other.page_token = token;
    EXPECT_TRUE(HasStatus(store().List(other).status, Code::kInvalidArgument,
                          "INVALID_PAGE_TOKEN"))
        << what;
  };
  ListArgs other = args;
  other.order_by = entity().id->name + " desc";
  expect_refused(other, "order_by");
  if (list().show_deleted != nullptr) {
    other = args;
    other.show_deleted = true;
    expect_refused(other, "show_deleted");
  }
  if (list().search != nullptr) {
    other = args;
    other.search = "x";
    expect_refused(other, "search");
  }
  for (const schema::RequestPredicate& predicate : list().predicates) {
    other = args;
    other.fill = [&](Message* request) {
      SetValue(request, predicate.field,
               predicate.field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL
                   ? Value(true)
                   : make().ScalarFor(predicate.field, Rules::default_instance(), true));
    };
    expect_refused(other, predicate.field->name().c_str());
  }
  for (const schema::Entity& another : gateway().schema().entities) {
    if (&another == &entity() || !Served(gateway().schema(), another)) continue;
    ListArgs foreign;
    foreign.page_token = token;
    foreign.order_by = another.id->name;
    EXPECT_TRUE(HasStatus(StoreOf(another).List(foreign).status, Code::kInvalidArgument,
                          "INVALID_PAGE_TOKEN"))
        << another.full_name;
  }
}

TEST_P(PageCase, TokenCannotBeMadeOrChanged) {
  // Any other byte in a token, a part of it, or something made up is INVALID_PAGE_TOKEN.
  make().CreatedMany(entity(), 3);
  ListArgs args;
  args.page_size = 1;
  const std::string token = store().NextPageToken(store().List(args));
  ASSERT_FALSE(token.empty());
  std::vector<std::string> wrong = {"x", "0", "AAAA", "null", "{}", token + "A", token + token,
                                    token.substr(1), token.substr(0, token.size() - 1),
                                    std::string(100000, 'A'), "💥", "../../etc"};
  for (size_t i = 0; i < token.size(); i += 3) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    wrong.push_back(changed);
  }
  for (const std::string& forged : wrong) {
    args.page_token = forged;
    EXPECT_TRUE(
        HasStatus(store().List(args).status, Code::kInvalidArgument, "INVALID_PAGE_TOKEN"));
  }
}

TEST_P(PageCase, TokenSurvivesARestart) {
  // The key is the database's: a walk goes on where it was after the gateway started again.
  const std::vector<Value> ids = Ids(make().CreatedMany(entity(), 6));
  ListArgs args;
  args.page_size = 2;
  Reply reply = store().List(args);
  std::set<Value> seen = Set(Ids(store().Records(reply, Operation::kList)));
  args.page_token = store().NextPageToken(reply);
  gateway().Reopen();
  for (const MessagePtr& record : store().ListAll(args)) {
    EXPECT_TRUE(seen.insert(Id(*record)).second);
  }
  EXPECT_EQ(seen, Set(ids));
}

TEST_P(PageCase, SizeHasADefaultAndAMaximum) {
  // 0 is the entity's default, above 1,000 is 1,000, negative is INVALID_ARGUMENT.
  make().CreatedMany(entity(), 1003, {.required_only = true});
  ListArgs args;
  EXPECT_EQ(Size(store().List(args)), static_cast<size_t>(entity().default_page_size));
  for (int size : {1000, 1001, 2147483647}) {
    args.page_size = size;
    Reply reply = store().List(args);
    EXPECT_EQ(Size(reply), 1000u) << size;
    EXPECT_FALSE(store().NextPageToken(reply).empty());
  }
  for (int size : {-1, -2147483647 - 1}) {
    args.page_size = size;
    EXPECT_TRUE(Violates(store().List(args).status, list().page_size->name()));
  }
  EXPECT_EQ(store().ListAll({}).size(), 1003u);
}

TEST_P(PageCase, SkipPassesOverRecords) {
  // skip leaves out the first ones; past the end there is nothing; negative is an error.
  if (list().skip == nullptr) return;
  make().CreatedMany(entity(), 10);
  const std::vector<Value> all = Ids(store().ListAll({}));
  for (int skip : {1, 3, 9, 10, 11, 2147483647}) {
    ListArgs args;
    args.skip = skip;
    args.page_size = 4;
    std::vector<Value> expected;
    for (size_t i = static_cast<size_t>(skip); i < all.size(); ++i) expected.push_back(all[i]);
    EXPECT_EQ(Ids(store().ListAll(args)), expected) << skip;
  }
  ListArgs args;
  args.skip = -1;
  EXPECT_TRUE(Violates(store().List(args).status, list().skip->name()));
}

TEST_P(PageCase, NumbersCountFromOne) {
  // page gives the n-th page and where it stands among all.
  if (list().page == nullptr || list().page_info == nullptr) return;
  make().CreatedMany(entity(), 10);
  const std::vector<Value> all = Ids(store().ListAll({}));
  for (int page : {1, 2, 3, 4, 5, 1000000}) {
    ListArgs args;
    args.page = page;
    args.page_size = 4;
    Reply reply = store().List(args);
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk)) << page;
    std::vector<Value> expected;
    for (size_t i = static_cast<size_t>(page - 1) * 4; i < all.size() && expected.size() < 4; ++i) {
      expected.push_back(all[i]);
    }
    EXPECT_EQ(Ids(store().Records(reply, Operation::kList)), expected) << page;
    const Reflection* reflection = reply.response->GetReflection();
    ASSERT_TRUE(reflection->HasField(*reply.response, list().page_info));
    const Message& info = reflection->GetMessage(*reply.response, list().page_info);
    auto value = [&](const char* name) { return ToText(GetValue(info, FieldNamed(info, name))); };
    EXPECT_EQ(value("page"), std::to_string(page));
    EXPECT_EQ(value("total_pages"), "3");
    EXPECT_EQ(value("total_size"), "10");
    EXPECT_EQ(value("has_next"), page < 3 ? "true" : "false");
    EXPECT_EQ(value("has_previous"), page > 1 ? "true" : "false");
  }
  ListArgs args;
  args.page = -1;
  EXPECT_TRUE(Violates(store().List(args).status, list().page->name()));
}

TEST_P(PageCase, TotalCountsAllThatMatch) {
  // total_size is of all pages, and only there when it was asked for.
  make().CreatedMany(entity(), 12);
  ListArgs args;
  args.page_size = 5;
  EXPECT_EQ(Total(store().List(args)), 0);
  args.include_total_size = true;
  for (int page = 0; page < 3; ++page) {
    Reply reply = store().List(args);
    EXPECT_EQ(Total(reply), 12);
    args.page_token = store().NextPageToken(reply);
  }
}

TEST_P(PageCase, WantOneWayOfPaging) {
  // Two of page_token, page and skip are INVALID_ARGUMENT.
  make().CreatedMany(entity(), 5);
  ListArgs args;
  args.page_size = 2;
  const std::string token = store().NextPageToken(store().List(args));
  std::vector<ListArgs> wrong(3, args);
  wrong[0].skip = 1, wrong[0].page = 1;
  wrong[1].skip = 1, wrong[1].page_token = token;
  wrong[2].page = 2, wrong[2].page_token = token;
  for (const ListArgs& both : wrong) {
    EXPECT_TRUE(HasStatus(store().List(both).status, Code::kInvalidArgument));
  }
}

TEST_P(PageCase, OfNothingIsEmpty) {
  // No record, no row, no token, no error.
  Reply reply = store().List({});
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  EXPECT_EQ(Size(reply), 0u);
  EXPECT_EQ(store().NextPageToken(reply), "");
}

}  // namespace
}  // namespace storegate::test

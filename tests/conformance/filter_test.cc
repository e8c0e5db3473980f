// `filter` on lists, against the plain evaluation of what it says (query/evaluate.h).
#include <memory>

#include "server/query/predicate.h"
#include "tests/conformance/list_case.h"
#include "tests/support/random_filter.h"

namespace storegate::test {
namespace {

using schema::Operation;

bool HasFilter(const schema::Schema& schema, const schema::Entity& entity) {
  const schema::Method* list = FindMethod(schema, entity, Operation::kList);
  return list != nullptr && list->filter != nullptr;
}

class FilterCase : public ListCase {
 protected:
  const schema::Method& list() { return store().method(Operation::kList); }

  void Fill() {
    make().CreatedMany(entity(), 40);
    make().CreatedMany(entity(), 20, {.all_fields = true});
    records_ = Everything();
    ASSERT_GE(records_.size(), 60u);
    random_ = std::make_unique<Random>(Seed(2));
    filters_ = std::make_unique<RandomFilter>(entity(), random_.get());
    for (const MessagePtr& record : records_) filters_->Learn(*record);
  }

  ListArgs Args(const std::string& filter) {
    ListArgs args;
    args.page_size = 1000;
    args.include_total_size = true;
    args.fill = [this, filter](Message* request) { SetValue(request, list().filter, filter); };
    return args;
  }

  // Whether the list has what the filter says; how many those are.
  size_t Check(const std::string& filter) {
    const Result<query::Template> parsed =
        query::Template::Parse(filter, entity(), nullptr, nullptr);
    EXPECT_TRUE(HasStatus(parsed.status(), Code::kOk)) << filter;
    if (!parsed.ok()) return 0;
    const query::Predicate where = *parsed->Bind(nullptr);
    std::set<Value> expected;
    for (const MessagePtr& record : records_) {
      if (query::Matches(where, *record)) expected.insert(Id(*record));
    }
    Reply reply = gateway().Call(list(), *store().ListRequest(Args(filter)));
    EXPECT_TRUE(HasStatus(reply.status, Code::kOk)) << filter;
    if (!reply.ok()) return 0;
    EXPECT_EQ(Set(Ids(store().Records(reply, Operation::kList))), expected) << filter;
    if (list().total_size != nullptr) {
      EXPECT_EQ(std::get<int64_t>(GetValue(*reply.response, list().total_size)),
                static_cast<int64_t>(expected.size()))
          << filter;
    }
    return expected.size();
  }

  // INVALID_ARGUMENT, naming the field and the place in the text.
  void Refuses(const std::string& filter, const std::string& says) {
    const Status status = store().List(Args(filter)).status;
    EXPECT_TRUE(HasStatus(status, Code::kInvalidArgument, "INVALID_FILTER")) << filter;
    EXPECT_NE(status.message().find(says), std::string::npos) << filter << status.message();
    EXPECT_EQ(status.metadata().count("position"), 1u) << filter;
    ASSERT_EQ(status.violations().size(), 1u) << filter;
    EXPECT_EQ(status.violations()[0].field, list().filter->name());
  }

  std::vector<MessagePtr> records_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<RandomFilter> filters_;
};
STOREGATE_CASES(FilterCase, HasFilter);

TEST_P(FilterCase, EveryOperatorOfEveryFieldFindsWhatItSays) {
  // Each operator that a field has, on values that records have, on others, and on hostile text.
  ASSERT_NO_FATAL_FAILURE(Fill());
  size_t hits = 0, misses = 0;
  for (const std::string& path : filters_->Paths()) {
    for (const std::string& op : RandomFilter::Operators()) {
      for (int i = 0; i < Count(10); ++i) {
        const std::string filter = filters_->Comparison(path, op);
        if (filter.empty()) break;
        const size_t found = Check(filter);
        hits += found > 0 ? 1 : 0;
        misses += found < records_.size() ? 1 : 0;
      }
    }
  }
  EXPECT_GT(hits, 0u);
  EXPECT_GT(misses, 0u);
}

TEST_P(FilterCase, AndOrNotAndParenthesesAreWhatTheySay) {
  // Random trees, negations of what is unset among them.
  ASSERT_NO_FATAL_FAILURE(Fill());
  for (int i = 0; i < Count(1000); ++i) Check(filters_->Any(3));
}

TEST_P(FilterCase, AsLongAndAsDeepAsMayBe) {
  // 256 comparisons, 16 parentheses with all that may be between them, 1,000 values.
  ASSERT_NO_FATAL_FAILURE(Fill());
  const std::string one = filters_->Comparison("id", "=");
  std::string wide = one, deep = one, values = "id IN (";
  for (int i = 1; i < 256; ++i) wide += (i % 7 == 0 ? " AND " : " OR ") + one;
  for (int i = 0; i < 16; ++i) deep = "NOT (" + one + " AND " + one + " OR " + deep + ")";
  const bool number = entity().id->type == schema::Type::kInt64;
  for (int i = 1; i <= 1000; ++i) {
    if (i > 1) values += ", ";
    values += number ? std::to_string(i) : "'" + std::to_string(i) + "'";
  }
  Check(wide);
  Check(deep);
  Check(values + ")");
}

TEST_P(FilterCase, MistakesAreNamedWithTheirPlace) {
  // What is no filter is INVALID_ARGUMENT and says where; nothing of it reaches the database.
  const int64_t before = gateway().statements();
  Refuses("id = ", "a value is missing");
  Refuses("nosuchfield = 1", "has no field \"nosuchfield\"");
  Refuses("id = $", "cannot be named here");
  Refuses("id = 1 OR", "is missing at the end");
  Refuses("(((((((((((((((((id : *)))))))))))))))))", "deep");
  Refuses("etag = 'x'", entity().etag == nullptr ? "no field" : "changes with each write");
  Refuses(std::string(70000, 'a'), "at most 65536 bytes");
  Refuses("id : '\\u0000'", "NUL");
  for (const schema::Field& field : entity().fields) {
    if (!field.input_only) continue;
    Refuses(field.name + " = 'x'", "input only");
  }
  EXPECT_EQ(gateway().statements(), before);
}

TEST_P(FilterCase, TextsOfOtherLanguagesAreInert) {
  // What means something in SQL, in MongoDB or to a pattern is a text like all others.
  ASSERT_NO_FATAL_FAILURE(Fill());
  std::string path = "id";
  for (const schema::Field& field : entity().fields) {
    if (field.stored() && !field.input_only && field.type == schema::Type::kString &&
        field.role == schema::Role::kData &&
        (field.presence == schema::Presence::kPlain ||
         field.presence == schema::Presence::kOptional)) {
      path = field.name;
    }
  }
  if (path == "id" && entity().id->type != schema::Type::kString) return;
  for (const char* text :
       {"' OR '1'='1", "'; DROP TABLE x; --", "x' --", "\\' OR 1=1", "%", "_", ".*", "^a", "$ne",
        "{$gt: ''}", "(", "[a-z]", "\\\\d", "$where", "a|b", "?", "\\\\E", "x\\ny"}) {
    std::string escaped;
    for (const char c : std::string(text)) {
      if (c == '\\' || c == '"' || c == '*') escaped += '\\';
      escaped += c;
    }
    for (const std::string& quoted : {"\"" + escaped + "\"", "\"" + escaped + "*\""}) {
      Check(path + " = " + quoted);
      Check("NOT " + path + " = " + quoted);
    }
  }
}

TEST_P(FilterCase, TokensAreOfTheirFilter) {
  // A page token goes on with the filter that it was made for, and with no other.
  if (list().page_token == nullptr || list().next_page_token == nullptr) return;
  ASSERT_NO_FATAL_FAILURE(Fill());
  ListArgs args = Args("id : *");
  args.page_size = 7;
  EXPECT_EQ(store().ListAll(args).size(), records_.size());
  Reply first = store().List(args);
  ASSERT_TRUE(HasStatus(first.status, Code::kOk));
  ListArgs other = Args("NOT id : *");
  other.page_size = 7;
  other.page_token = std::get<std::string>(GetValue(*first.response, list().next_page_token));
  EXPECT_TRUE(HasStatus(store().List(other).status, Code::kInvalidArgument));
}

}  // namespace
}  // namespace storegate::test

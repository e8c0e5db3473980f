// Aggregates through a session: every function, every type, groups, parts of times; the
// same on each backend.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/time.h"
#include "server/base/time_zone.h"
#include "server/repository/wire_sink.h"
#include "tests/adapters/adapter_case.h"

namespace storegate::test {
namespace {

using repository::AggregateQuery;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AggregatesCase : public AdapterCase {
 protected:
  // A loan; ids follow on each other.
  void Put(const std::string& text) {
    const std::string digits = std::to_string(++loans_);
    const std::string id =
        "00000000-0000-7000-8000-" + std::string(12 - digits.size(), '0') + digits;
    const Status status = InsertText(*session_, Loan(), "id: '" + id + "' " + text);
    EXPECT_TRUE(status.ok()) << status.ToString() << " " << text;
    last_ = id;
  }
  void Delete() {
    ASSERT_TRUE(Apply(*session_, {Change(repository::Change::kDelete, Loan(), last_)}).ok());
  }
  void Purge() {
    std::vector<repository::Mutation> purges;
    for (const std::string& id : Where(*session_, Loan(), query::Predicate::True())) {
      purges.push_back(Change(repository::Change::kPurge, Loan(), id));
    }
    ASSERT_TRUE(Apply(*session_, std::move(purges)).ok());
  }

  static AggregateQuery Of(const std::string& method, std::string_view order_by = "") {
    AggregateQuery query;
    query.entity = &Loan();
    query.aggregate = LoanMethod(method).aggregate.get();
    query.time_zones.resize(query.aggregate->groups.size());
    query.order = *query::ParseOrder(order_by, query.aggregate->row.entity);
    // As the service does: what groups go into ends the order.
    for (const schema::GroupBy& group : query.aggregate->groups) {
      const bool named = std::ranges::any_of(
          query.order, [&](const query::SortKey& key) { return key.field == group.into; });
      if (!named) query.order.push_back({group.into, false});
    }
    return query;
  }
  std::vector<std::string> Ask(const AggregateQuery& query) {
    Result<std::vector<std::string>> rows = Rows(*session_, query);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *rows : std::vector<std::string>{"ERROR"};
  }
  std::vector<std::string> Ask(const std::string& method) { return Ask(Of(method)); }

  int loans_ = 0;
  std::string last_;
  std::unique_ptr<repository::Session> session_ = Writer(*backend_);
};
STOREGATE_ADAPTERS(AggregatesCase);

constexpr char kMember1[] = "11111111-1111-7111-8111-111111111111";
constexpr char kMember2[] = "f1111111-1111-7111-8111-111111111111";

TEST_P(AggregatesCase, EveryFunctionOfEachGroup) {
  Put("kind: NOVEL late: true days: 3 fee: 5 pages: 4000000000 points { value: 10 } rating: 1.5 "
      "weight: 0.25 note: 'b' took { seconds: 1 nanos: 500000000 } time { seconds: 100 } "
      "member_id: '" + std::string(kMember1) + "'");
  Put("kind: NOVEL late: false days: -5 fee: 6 pages: 4000000000 points { value: -7 } "
      "rating: 2.25 weight: 2 note: 'B' took { seconds: -3 } time { seconds: -100 } "
      "member_id: '" + std::string(kMember2) + "'");
  Put("kind: NOVEL fee: 6 note: '\\303\\251' member_id: '" + std::string(kMember2) + "'");
  Put("kind: POEM fee: -1");
  Put("fee: 7 days: 0 note: 'b' weight: 0");
  EXPECT_THAT(
      Ask("GroupLoans"),
      ElementsAre(
          "count: 1 days: 0 fee: 7 pages: 0 points: 0 rating: 0 weight { } took { } "
          "average_days: 0 average_fee: 7 average_weight: 0 min_note: \"b\" "
          "max_note { value: \"b\" } max_weight: 0 notes: 1 members: 0",
          "kind: NOVEL count: 3 days: -2 fee: 17 pages: 8000000000 points: 3 rating: 3.75 "
          "weight { value: 2.25 } took { seconds: -1 nanos: -500000000 } average_days: -1 "
          "average_fee: 5.666666666666667 average_weight: 1.125 min_late: false max_late: true "
          "min_note: \"B\" max_note { value: \"é\" } max_member: \"" + std::string(kMember2) +
              "\" min_points: -7 max_took { seconds: 1 nanos: 500000000 } first { seconds: -100 } "
              "last { seconds: 100 } max_weight: 2 notes: 3 members: 2",
          "kind: POEM count: 1 days: 0 fee: -1 pages: 0 points: 0 rating: 0 weight { } took { } "
          "average_fee: -1 notes: 0 members: 0"));
}

TEST_P(AggregatesCase, OfNoRowsThereIsOneRowOnlyWithoutGroups) {
  EXPECT_THAT(Ask("TotalLoans"), ElementsAre("count: 0 fee: 0 weight: 0 points: 0"));
  EXPECT_THAT(Ask("GroupLoans"), IsEmpty());
  Put("fee: 5");
  AggregateQuery query = Of("TotalLoans");
  query.where = Parsed("fee > 5", Loan());
  EXPECT_THAT(Ask(query), ElementsAre("count: 0 fee: 0 weight: 0 points: 0"));
  query.where = Parsed("fee = 5", Loan());
  EXPECT_THAT(Ask(query), ElementsAre("count: 1 fee: 5 average_fee: 5 weight: 0 points: 0"));
  query.where = query::Predicate::Not(query::Predicate::True());
  EXPECT_THAT(Ask(query), ElementsAre("count: 0 fee: 0 weight: 0 points: 0"));
}

TEST_P(AggregatesCase, DeletedRowsCountOnlyWhereTheyAreShown) {
  Put("fee: 5");
  Put("fee: 6");
  Delete();
  EXPECT_THAT(Ask("TotalLoans"),
              ElementsAre("count: 1 fee: 5 average_fee: 5 weight: 0 points: 0"));
  AggregateQuery query = Of("TotalLoans");
  query.show_deleted = true;
  EXPECT_THAT(Ask(query), ElementsAre("count: 2 fee: 11 average_fee: 5.5 weight: 0 points: 0"));
}

TEST_P(AggregatesCase, SumsOfIntegersAreExactOrFail) {
  const std::string most = std::to_string(std::numeric_limits<int64_t>::max());
  const std::string least = std::to_string(std::numeric_limits<int64_t>::min());
  Put("fee: " + most);
  Put("fee: 1");  // past 64 bits on the way
  Put("fee: -1");
  EXPECT_THAT(Ask("TotalLoans"),
              ElementsAre("count: 3 fee: " + most +
                          " average_fee: 3.0744573456182584e+18 weight: 0 points: 0"));
  Put("fee: 1");
  const Status status = Rows(*session_, Of("TotalLoans")).status();
  EXPECT_EQ(status.code(), Code::kOutOfRange);
  EXPECT_THAT(status, HasReason("SUM_OUT_OF_RANGE"));
  EXPECT_EQ(status.metadata().at("field"), "fee");
  Put("fee: " + least);
  Put("fee: " + least);
  EXPECT_THAT(Ask("TotalLoans"),
              ElementsAre("count: 6 fee: " + least +
                          " average_fee: -1.5372286728091292e+18 weight: 0 points: 0"));
  Put("points { value: -1 }");
  Put("points { value: " + least + " }");
  EXPECT_EQ(Rows(*session_, Of("TotalLoans")).status().metadata().at("field"), "points");
}

TEST_P(AggregatesCase, ASumPastItsRangeThatNobodyAskedForIsNoError) {
  const std::string most = std::to_string(std::numeric_limits<int64_t>::max());
  Put("kind: NOVEL fee: " + most);
  Put("kind: NOVEL fee: " + most);
  Put("kind: POEM fee: 1");
  AggregateQuery query = Of("GroupLoans");
  EXPECT_THAT(Rows(*session_, query).status(), HasReason("SUM_OUT_OF_RANGE"));
  query.having = Parsed("fee <= 9223372036854775807", query.aggregate->row.entity);
  EXPECT_THAT(Ask(query), ElementsAre(::testing::StartsWith("kind: POEM count: 1 ")));
}

TEST_P(AggregatesCase, SumsOfDoublesMayBeInfiniteAndAreNeverNaN) {
  const auto weights = [&](std::vector<const char*> values) {
    for (const char* value : values) Put("weight: " + std::string(value));
    const std::string row = Ask("TotalLoans")[0];
    Purge();
    const size_t at = row.find("weight: ");
    return at == std::string::npos ? "" : row.substr(at, row.rfind(" points") - at);
  };
  EXPECT_EQ(weights({"1.5", "-0.25"}), "weight: 1.25 average_weight: 0.625");
  EXPECT_EQ(weights({"1e308", "1e308"}), "weight: inf average_weight: inf");
  EXPECT_EQ(weights({"-1.7e308", "-1.7e308"}), "weight: -inf average_weight: -inf");
  EXPECT_EQ(weights({"1e308", "1e308", "-1e308"}),
            "weight: 1e+308 average_weight: 3.3333333333333332e+307");
  EXPECT_EQ(weights({"inf", "1"}), "weight: inf average_weight: inf");
  EXPECT_EQ(weights({"inf", "-inf"}), "");
  EXPECT_EQ(weights({"1.7976931348623157e308"}),
            "weight: 1.7976931348623157e+308 average_weight: 1.7976931348623157e+308");
  EXPECT_EQ(weights({"5e-324", "5e-324"}), "weight: 9.88131291682493e-324 average_weight: 4.94065645841247e-324");
  EXPECT_EQ(weights({"1e300", "1"}), "weight: 1e+300 average_weight: 5e+299");
}

TEST_P(AggregatesCase, GroupsOfAnyTypeSortAndUnsetIsOne) {
  Put("note: 'b' late: true points { value: 2 } weight: 1.5 took { seconds: 2 }");
  Put("note: 'B' late: false points { value: -2 } weight: -1.5 took { seconds: -2 } "
      "time { seconds: 5 nanos: 123000000 } member_id: '" + std::string(kMember1) + "'");
  Put("note: 'B' late: false points { value: -2 } weight: -1.5 took { seconds: -2 } "
      "time { seconds: 5 nanos: 123000000 } member_id: '" + std::string(kMember1) + "'");
  Put("");
  Put("");
  const std::string none = "", b = "late: true points { value: 2 } weight: 1.5 "
                                   "took { seconds: 2 } note: \"b\"";
  const std::string both = "member_id: \"" + std::string(kMember1) +
                           "\" late: false points { value: -2 } weight: -1.5 "
                           "took { seconds: -2 } time { seconds: 5 nanos: 123000000 } note: \"B\"";
  for (const char* order : {"", "late", "points, note", "weight", "took desc, weight", "time"}) {
    AggregateQuery query = Of("SortLoans", order);
    std::vector<std::string> rows = Ask(query);
    std::ranges::sort(rows);
    EXPECT_THAT(rows, ElementsAre(none, b, both)) << order;
  }
  EXPECT_THAT(Ask(Of("SortLoans", "late")), ElementsAre(none, both, b));
  EXPECT_THAT(Ask(Of("SortLoans", "late desc")), ElementsAre(b, both, none));
  EXPECT_THAT(Ask(Of("SortLoans", "note desc")), ElementsAre(b, both, none));
  EXPECT_THAT(Ask(Of("SortLoans", "member_id desc, points desc")), ElementsAre(both, b, none));
  AggregateQuery query = Of("SortLoans");
  query.having = Parsed("member_id = '" + std::string(kMember1) + "'", query.aggregate->row.entity);
  EXPECT_THAT(Ask(query), ElementsAre(both));
  query.having = Parsed("NOT member_id = '" + std::string(kMember1) + "' AND points : *",
                        query.aggregate->row.entity);
  EXPECT_THAT(Ask(query), ElementsAre(b));
  query.having = Parsed("member_id IN ('" + std::string(kMember1) + "', 'none')",
                        query.aggregate->row.entity);
  EXPECT_THAT(Ask(query), ElementsAre(both));
  query.having = Parsed("time >= '1970-01-01T00:00:05.123Z' AND took < 0s AND weight < 0",
                        query.aggregate->row.entity);
  EXPECT_THAT(Ask(query), ElementsAre(both));
}

TEST_P(AggregatesCase, HavingOrderAndLimitAreOverTheRow) {
  for (int i = 0; i < 3; ++i) Put("kind: NOVEL fee: 10 note: 'x'");
  for (int i = 0; i < 2; ++i) Put("kind: POEM fee: 20 pages: 5");
  Put("fee: 70");
  const auto kinds = [&](const AggregateQuery& query) {
    std::vector<std::string> rows = Ask(query);
    for (std::string& row : rows) row = row.substr(0, row.find(" days"));
    return rows;
  };
  AggregateQuery query = Of("GroupLoans", "count desc");
  EXPECT_THAT(kinds(query), ElementsAre("kind: NOVEL count: 3", "kind: POEM count: 2", "count: 1"));
  query.limit = 2;
  EXPECT_THAT(kinds(query), ElementsAre("kind: NOVEL count: 3", "kind: POEM count: 2"));
  query.limit = 0;
  const auto having = [&](std::string_view text) {
    query.having = Parsed(text, query.aggregate->row.entity);
    return kinds(query);
  };
  EXPECT_THAT(having("count >= 2 AND NOT kind = NOVEL"), ElementsAre("kind: POEM count: 2"));
  EXPECT_THAT(having("kind != NOVEL"), ElementsAre("kind: POEM count: 2", "count: 1"));
  EXPECT_THAT(having("kind : *"), ElementsAre("kind: NOVEL count: 3", "kind: POEM count: 2"));
  EXPECT_THAT(having("fee IN (30, 70)"), ElementsAre("kind: NOVEL count: 3", "count: 1"));
  EXPECT_THAT(having("average_fee > 10.5"), ElementsAre("kind: POEM count: 2", "count: 1"));
  EXPECT_THAT(having("min_note = 'x*'"), ElementsAre("kind: NOVEL count: 3"));
  EXPECT_THAT(having("pages = 10 AND took = 0s AND members < 1"),
              ElementsAre("kind: POEM count: 2"));
  EXPECT_THAT(having("fee > 1000"), IsEmpty());
  query.having = {};
  query.order = Of("GroupLoans", "min_note desc, fee desc").order;
  EXPECT_THAT(kinds(query), ElementsAre("kind: NOVEL count: 3", "count: 1", "kind: POEM count: 2"));
}

TEST_P(AggregatesCase, AFieldMayBeNamedAsAColumnThatItIsNot) {
  Put("days: 1 fee: 10 note: 'a' kind: NOVEL pages: 100");
  Put("days: 1 fee: 20 note: 'a' kind: POEM pages: 200");
  Put("days: 2 fee: 30 note: 'a' kind: NOVEL pages: 300");
  AggregateQuery query = Of("CrossLoans");
  query.where = Parsed("fee >= 10 AND days >= 1 AND pages < 300", Loan());
  EXPECT_THAT(Ask(query), ElementsAre("fee: 1 kind: \"a\" days: 30 pages: 1"));
  query.where = Parsed("kind = NOVEL", Loan());
  EXPECT_THAT(Ask(query), ElementsAre("fee: 1 kind: \"a\" days: 10 pages: 1",
                                      "fee: 2 kind: \"a\" days: 30 pages: 2"));
  query.having = Parsed("days = 30", query.aggregate->row.entity);
  EXPECT_THAT(Ask(query), ElementsAre("fee: 2 kind: \"a\" days: 30 pages: 2"));
}

TEST_P(AggregatesCase, TextsGroupByCodePointAndNothingElse) {
  for (const char* note : {"a", "A", "a ", "\\303\\251", "e\\314\\201", ""}) {
    Put("note: '" + std::string(note) + "' days: 1");
  }
  AggregateQuery query = Of("CrossLoans", "kind");
  std::vector<std::string> rows = Ask(query);
  for (std::string& row : rows) row = row.substr(7, row.find(" days") - 7);
  EXPECT_THAT(rows, ElementsAre("kind: \"\"", "kind: \"A\"", "kind: \"a\"", "kind: \"a \"",
                                "kind: \"e\u0301\"", "kind: \"é\""));
}

std::string TimeRow(int64_t millis, std::string_view zone, int count) {
  const auto part = [&](const char* name, TimePart part) {
    return std::string(name) + ": \"" + LocalPart(millis, part, zone) + "\" ";
  };
  return part("year", TimePart::kYear) + part("month", TimePart::kMonth) +
         part("day", TimePart::kDay) + part("hour", TimePart::kHour) +
         "count: " + std::to_string(count);
}

TEST_P(AggregatesCase, PartsOfTimesAreThoseOfTheTimeZone) {
  // Begin and end of summer time, of days, months, years and of what a Timestamp can be.
  const std::vector<int64_t> times = {
      ParseTimestamp("2024-03-10T06:59:59.999Z").value(),
      ParseTimestamp("2024-03-10T07:00:00Z").value(),
      ParseTimestamp("2024-11-03T05:30:00Z").value(),
      ParseTimestamp("2024-11-03T06:30:00Z").value(),
      ParseTimestamp("2024-03-31T00:59:59Z").value(),
      ParseTimestamp("2024-03-31T01:00:00Z").value(),
      ParseTimestamp("2024-12-31T18:14:59Z").value(),
      ParseTimestamp("2024-12-31T18:15:00Z").value(),
      ParseTimestamp("2024-07-01T12:00:00Z").value(),
      ParseTimestamp("1969-12-31T23:59:59.999Z").value(),
      ParseTimestamp("1883-11-18T17:00:00Z").value(),
      ParseTimestamp("1600-02-29T12:00:00Z").value(),
      kMinTimestampMillis,
      kMaxTimestampMillis,
  };
  for (const int64_t time : times) {
    int64_t seconds = time / 1000, rest = time % 1000;
    if (rest < 0) rest += 1000, --seconds;
    Put("time { seconds: " + std::to_string(seconds) + " nanos: " +
        std::to_string(rest * 1000000) + " }");
  }
  // Names that are abbreviations, too, of times that have no summer.
  const std::vector<std::string> old = {"CET", "EET", "MET", "WET"};
  for (const char* zone : {"", "UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu",
                           "Pacific/Kiritimati", "Etc/GMT+12", "CET", "EET", "MET", "WET", "EST",
                           "EST5EDT", "Australia/Lord_Howe", "Africa/Monrovia"}) {
    AggregateQuery query = Of("TimeLoans");
    for (std::string& each : query.time_zones) each = zone;
    const bool recent = std::ranges::find(old, zone) != old.end();
    if (recent) query.where = Parsed("time > '1981-12-31T00:00:00Z'", Loan());
    std::map<std::string, int> expected;
    std::vector<std::string> rows;
    for (const int64_t time : times) {
      if (!recent || time > 0) ++expected[LocalPart(time, TimePart::kHour, zone)];
    }
    for (const int64_t time : times) {
      const auto count = expected.extract(LocalPart(time, TimePart::kHour, zone));
      if (!count.empty()) rows.push_back(TimeRow(time, zone, count.mapped()));
    }
    EXPECT_THAT(Ask(query), ::testing::UnorderedElementsAreArray(rows)) << zone;
  }
}

TEST_P(AggregatesCase, PartsOfTimesOfEachGroupHaveTheirOwnZoneAndNoneIsUnset) {
  Put("time { seconds: 1735689599 }");  // 2024-12-31T23:59:59Z
  Put("");
  AggregateQuery query = Of("TimeLoans", "hour desc");
  query.time_zones = {"Asia/Tokyo", "", "America/New_York", "Asia/Kathmandu"};
  EXPECT_THAT(Ask(query),
              ElementsAre("year: \"2025\" month: \"2024-12\" day: \"2024-12-31\" "
                          "hour: \"2025-01-01T05\" count: 1",
                          "count: 1"));
  query.having = Parsed("hour > '2025' AND day = '2024-12-31'", query.aggregate->row.entity);
  EXPECT_EQ(Ask(query).size(), 1u);
}

TEST_P(AggregatesCase, AFilterIsThatOfAList) {
  Put("note: 'it\\'s; --' fee: 1 tags: 'a'");
  Put("note: 'x' fee: 2 tags: 'b' data { fields { key: 'k' value { number_value: 1 } } }");
  AggregateQuery query = Of("TotalLoans");
  for (const char* filter : {"note = \"it's; --\"", "tags : 'a'", "NOT data.k = 1", "fee IN (1, 7)"}) {
    query.where = Parsed(filter, Loan());
    EXPECT_THAT(Ask(query), ElementsAre(::testing::StartsWith("count: 1 fee: 1 "))) << filter;
  }
}

TEST_P(AggregatesCase, OneStatementAndNoneAfterTheDeadline) {
  Put("fee: 5");
  const auto reader = Reader(*backend_);
  EXPECT_TRUE(Rows(*reader, Of("GroupLoans")).ok());
  EXPECT_EQ(reader->statements(), 1);
  AggregateQuery query = Of("GroupLoans");
  query.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(Rows(*reader, query).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(reader->statements(), 1);
}

TEST_P(AggregatesCase, TheSinkMayStopIt) {
  for (int i = 0; i < 10; ++i) Put("days: " + std::to_string(i));
  std::string bytes;
  repository::WireSink sink(&bytes, 1);
  sink.StopAfter(1);
  const Status status = session_->Aggregate(Of("CrossLoans"), &sink);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(sink.rows(), 1u);
}

}  // namespace
}  // namespace storegate::test

// Aggregates in MongoDB: what every server computes and what not all do, and documents that
// the gateway would not have written. tests/conformance has what callers see.
#include <memory>
#include <string>
#include <vector>

#include "server/repository/wire_sink.h"
#include "server/schema/loader.h"
#include "tests/adapters/library.h"
#include "tests/adapters/mongodb_session.h"

namespace storegate::test {
namespace {

using repository::AggregateQuery;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kSales[] = R"(
syntax = "proto3";
package sales.v1;
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";

message Sale {
  option (storegate.v1.entity) = {};
  string id = 1 [(storegate.v1.field).format = OBJECT_ID];
  optional string place = 2 [(storegate.v1.field).max_len = 50];
  optional int64 cents = 3;
  optional double weight = 4;
  optional string first_id = 5 [(storegate.v1.field).references = "Sale.id"];
  google.protobuf.Timestamp time = 6;
  google.protobuf.Timestamp delete_time = 7;
  google.protobuf.Duration took = 8;
}

message CreateSaleRequest { Sale sale = 1; }
message Empty {}
message Places {
  message Row { optional string place = 1; int64 sales = 2; }
  repeated Row rows = 1;
}
message Firsts {
  message Row {
    optional string _id = 1;
    optional string place = 2;
    optional string last = 3;
    int32 n = 4;
  }
  repeated Row rows = 1;
}
message Totals {
  message Row {
    int64 sales = 1;
    optional int64 cents = 2;
    optional double average = 3;
    optional double weight = 4;
    optional string place = 5;
    int64 places = 6;
    google.protobuf.Duration took = 7;
  }
  repeated Row rows = 1;
}
message Days {
  message Row { optional string id = 1; int64 sales = 2; }
  repeated Row rows = 1;
}

service SaleStore {
  rpc CreateSale(CreateSaleRequest) returns (Sale);
  rpc GetPlaces(Empty) returns (Places) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "place" }
      compute: { count: true into: "sales" }
      order_by: "sales desc"
    };
  }
  rpc GetPlaceSums(Empty) returns (Places) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "place" }
      compute: { sum: "cents" into: "sales" }
    };
  }
  rpc GetFirsts(Empty) returns (Firsts) {
    option (storegate.v1.aggregate) = {
      group_by: { field: "first_id" into: "_id" }
      group_by: { field: "place" }
      compute: { max: "id" into: "last" }
      compute: { distinct: "first_id" into: "n" }
      having: "_id >= '5' OR last < 'x'"
      order_by: "last desc"
    };
  }
  rpc GetTotals(Empty) returns (Totals) {
    option (storegate.v1.aggregate) = {
      compute: { count: true into: "sales" }
      compute: { sum: "cents" into: "cents" }
      compute: { avg: "cents" into: "average" }
      compute: { sum: "weight" into: "weight" }
      compute: { max: "place" into: "place" }
      compute: { distinct: "place" into: "places" }
      compute: { sum: "took" into: "took" }
    };
  }
  rpc GetLargeTotals(Empty) returns (Totals) {
    option (storegate.v1.aggregate) = {
      compute: { count: true into: "sales" }
      compute: { sum: "cents" into: "cents" }
      compute: { avg: "cents" into: "average" }
      compute: { sum: "weight" into: "weight" }
      compute: { max: "place" into: "place" }
      compute: { distinct: "place" into: "places" }
      compute: { sum: "took" into: "took" }
      having: "NOT average : * OR cents >= 9007199254740993"
    };
  }
  rpc GetDays(Empty) returns (Days) {
    option (storegate.v1.aggregate) = {
      group_by: { day: "time" into: "id" time_zone: "Asia/Kathmandu" }
      compute: { count: true into: "sales" }
    };
  }
}
)";

const schema::Schema& Sales() {
  static const auto* loaded = [] {
    auto* result = new schema::LoadResult(schema::LoadEmbedded({{"sales.proto", kSales}}));
    for (const schema::Diagnostic& diagnostic : result->diagnostics) {
      std::fprintf(stderr, "%s\n", diagnostic.ToString().c_str());
    }
    if (result->schema == nullptr) std::abort();
    return result;
  }();
  return *loaded->schema;
}
const schema::Entity& Sale() { return *Sales().FindEntity("sales.v1.Sale"); }

std::string Id(int number) {
  std::string digits = std::to_string(number);
  return std::string(24 - digits.size(), '0') + digits;
}

class MongodbAggregates : public testing::Test {
 protected:
  struct Answer {
    Status status;
    std::vector<std::string> rows;
  };

  Answer Ask(const std::string& name, bool aggregates = true, int64_t limit = 100) {
    const schema::Method& method = *Sales().FindMethod("/sales.v1.SaleStore/Get" + name);
    const schema::Aggregate& aggregate = *method.aggregate;
    const schema::Entity& row = aggregate.row.entity;
    AggregateQuery query;
    query.entity = &Sale();
    query.aggregate = &aggregate;
    if (!aggregate.having.empty()) {
      const auto having = query::Template::Parse(aggregate.having, row, nullptr, nullptr);
      query.having = *having->Bind(nullptr);
    }
    if (!aggregate.order_by.empty()) query.order = *query::ParseOrder(aggregate.order_by, row);
    for (const schema::GroupBy& group : aggregate.groups) {
      query.time_zones.push_back(group.time_zone);
      query.order.push_back({group.into, false});
    }
    query.limit = limit;
    std::string bytes;
    repository::WireSink sink(&bytes, method.records->number());
    Answer answer;
    answer.status = (aggregates ? all_ : plain_)->Aggregate(query, &sink);
    if (!answer.status.ok()) return answer;
    const std::unique_ptr<google::protobuf::Message> response(method.response->New());
    EXPECT_TRUE(response->ParseFromString(bytes));
    const auto* reflection = response->GetReflection();
    for (int i = 0; i < reflection->FieldSize(*response, method.records); ++i) {
      answer.rows.push_back(
          reflection->GetRepeatedMessage(*response, method.records, i).ShortDebugString());
    }
    return answer;
  }

  // The same of servers that can do much, and little.
  std::vector<std::string> Both(const std::string& name, int64_t limit = 100) {
    const Answer answer = Ask(name, true, limit), plain = Ask(name, false, limit);
    EXPECT_TRUE(answer.status.ok()) << answer.status.ToString();
    EXPECT_TRUE(plain.status.ok()) << plain.status.ToString();
    EXPECT_EQ(answer.rows, plain.rows);
    return answer.rows;
  }

  std::vector<std::string> All(const std::string& name) {
    const Answer answer = Ask(name);
    EXPECT_TRUE(answer.status.ok()) << answer.status.ToString();
    return answer.rows;
  }

  MongodbHome home_{OneMongodb(), Sales()};
  std::unique_ptr<mongodb::MongodbSession> all_ = home_.Session({.aggregates = true});
  std::unique_ptr<mongodb::MongodbSession> plain_ = home_.Session({.aggregates = false});
};

TEST_F(MongodbAggregates, OneCountOrSumIsWhatEveryServerCanDo) {
  EXPECT_THAT(Both("Places"), IsEmpty());
  home_.Insert("sales", R"([{"_id": 1, "place": "b", "cents": 5}, {"_id": 2, "place": "b"},
      {"_id": 3, "cents": {"$numberLong": "9007199254740993"}}, {"_id": 4, "place": "$a"},
      {"_id": 5, "place": "b", "delete_time": {"$date": 1}}])");
  EXPECT_THAT(Both("Places"),
              ElementsAre("place: \"b\" sales: 2", "sales: 1", "place: \"$a\" sales: 1"));
  EXPECT_THAT(Both("Places", 1), ElementsAre("place: \"b\" sales: 2"));
  EXPECT_THAT(Both("PlaceSums"),
              ElementsAre("sales: 9007199254740993", "place: \"$a\"", "place: \"b\" sales: 5"));
}

TEST_F(MongodbAggregates, AllElseIsNotForEveryServer) {
  for (const char* name : {"Totals", "LargeTotals", "Days", "Firsts"}) {
    const Status status = Ask(name, false).status;
    EXPECT_THAT(status, HasReason("AGGREGATE_UNAVAILABLE")) << name;
    EXPECT_EQ(status.code(), Code::kUnimplemented);
  }
}

TEST_F(MongodbAggregates, OfNothingThereIsOneRowThatMayNotHold) {
  EXPECT_THAT(All("Totals"), ElementsAre("cents: 0 weight: 0 took { }"));
  EXPECT_THAT(All("LargeTotals"), ElementsAre("cents: 0 weight: 0 took { }"));
  home_.Insert("sales", R"([{"_id": 1, "cents": {"$numberLong": "9007199254740992"}}])");
  EXPECT_THAT(All("LargeTotals"), IsEmpty());
  // The double next to both is the same.
  home_.Insert("sales", R"([{"_id": 2, "cents": 1}])");
  EXPECT_THAT(All("LargeTotals"), ElementsAre(HasSubstr("cents: 9007199254740993 ")));
}

TEST_F(MongodbAggregates, OfACollectionThatIsNotThereToo) {
  // Nobody has made it.
  MongodbHome other{OneMongodb(), Library()};
  all_ = other.Session({.aggregates = true});
  EXPECT_THAT(All("Totals"), ElementsAre("cents: 0 weight: 0 took { }"));
  EXPECT_THAT(All("Places"), IsEmpty());
}

TEST_F(MongodbAggregates, NumbersOfOtherProgramsAreNumbers) {
  home_.Insert("sales", R"([{"_id": 1, "cents": 5.0, "weight": 2}, {"_id": 2, "cents": null},
      {"_id": 3, "cents": {"$numberLong": "7"}, "weight": {"$numberDecimal": "0.5"}},
      {"_id": 4, "cents": {"$numberDecimal": "1"}, "place": null}, {"_id": 5, "place": "x"}])");
  EXPECT_THAT(All("Totals"), ElementsAre("sales: 5 cents: 13 average: 4.333333333333333 "
                                         "weight: 2.5 place: \"x\" places: 1 took { }"));
}

TEST_F(MongodbAggregates, SumsThatAreNoNumberOrTooLarge) {
  home_.Insert("sales", R"([{"_id": 1, "weight": {"$numberDouble": "Infinity"}},
                             {"_id": 2, "weight": {"$numberDouble": "-Infinity"}}])");
  EXPECT_THAT(All("Totals"), ElementsAre("sales: 2 cents: 0 took { }"));
  home_.Insert("sales", R"([{"_id": 3, "took": {"$numberLong": "315576000000000000"}},
                             {"_id": 4, "took": {"$numberLong": "1000000"}}])");
  const Status status = Ask("Totals").status;
  EXPECT_THAT(status, HasReason("SUM_OUT_OF_RANGE"));
  EXPECT_EQ(status.code(), Code::kOutOfRange);
  EXPECT_EQ(status.metadata().at("field"), "took");
}

TEST_F(MongodbAggregates, ObjectIdsAreTheTextsThatTheyAreToCallers) {
  // In rows, in `having`, in orders; also next to texts that are none. A row may call them
  // "_id" too.
  home_.Insert("sales",
                R"([{"_id": {"$oid": ")" + Id(1) + R"("}, "first_id": {"$oid": ")" + Id(9) +
                    R"("}, "place": "p"}, {"_id": {"$oid": ")" + Id(2) +
                    R"("}, "first_id": {"$oid": ")" + Id(9) + R"("}, "place": "p"},
                    {"_id": "zz", "first_id": {"$oid": "500000000000000000000000"}},
                    {"_id": "zy"}])");
  EXPECT_THAT(All("Firsts"),
              ElementsAre("_id: \"500000000000000000000000\" last: \"zz\" n: 1",
                          "_id: \"" + Id(9) + "\" place: \"p\" last: \"" + Id(2) + "\" n: 1"));
}

TEST_F(MongodbAggregates, TheLastDayThereIsHasAYearOfFiveDigitsWhereItIsOverSooner) {
  home_.Insert("sales", R"([{"_id": 1, "time": {"$date": {"$numberLong": "253402300799999"}}},
      {"_id": 2, "time": {"$date": {"$numberLong": "253402280099999"}}}, {"_id": 3},
      {"_id": 4, "time": {"$date": {"$numberLong": "253402280100000"}}},
      {"_id": 5, "time": null}])");
  EXPECT_THAT(All("Days"), ElementsAre("sales: 2", "id: \"10000-01-01\" sales: 2",
                                       "id: \"9999-12-31\" sales: 1"));
}

}  // namespace
}  // namespace storegate::test

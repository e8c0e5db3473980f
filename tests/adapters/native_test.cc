// Native queries through a session: parameters, columns, and that they only read; the
// same on each backend, as far as their languages are.
#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/repository/wire_sink.h"
#include "tests/adapters/adapter_case.h"
#include "tests/support/postgres_server.h"

namespace storegate::test {
namespace {

using repository::NativeParameter;
using repository::NativeQuery;
using schema::Type;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NativeCase : public AdapterCase {
 protected:
  bool sqlite() const { return GetParam() == "sqlite"; }

  // A query of this text, on SQLite the other one where it is given.
  NativeQuery Of(const std::string& postgres, const std::string& sqlite = "") {
    schema::Native& native = natives_.emplace_back(*LoanMethod("NativeLoans").native);
    native.postgres = postgres;
    native.sqlite = sqlite.empty() ? postgres : sqlite;
    NativeQuery query;
    query.entity = &Loan();
    query.native = &native;
    return query;
  }
  std::vector<std::string> Ask(const NativeQuery& query) {
    Result<std::vector<std::string>> rows = Rows(*session_, query);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *rows : std::vector<std::string>{"ERROR"};
  }
  // What SQL expression becomes as a field of the row.
  std::string One(const std::string& as, const std::string& postgres,
                  const std::string& sqlite = "") {
    const std::string end = " AS \"" + as + "\"";
    return Ask(Of("SELECT " + postgres + end,
                  "SELECT " + (sqlite.empty() ? postgres : sqlite) + end))[0];
  }
  void ExpectRefused(const std::string& postgres, const std::string& sqlite = "") {
    const NativeQuery query = Of(postgres, sqlite);
    const Status status = Rows(*session_, query).status();
    EXPECT_EQ(status.code(), Code::kInternal) << postgres;
    EXPECT_THAT(status, HasReason("NATIVE_QUERY_FAILED")) << postgres;
    // No word of the database's, and the session is as good as before.
    EXPECT_EQ(status.message().find("syntax"), std::string::npos) << status.message();
    EXPECT_EQ(One("number", "1"), "number: 1") << postgres;
  }
  void Put(const std::string& text) {
    const Status status = InsertText(*writer_, Loan(), text);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }

  std::deque<schema::Native> natives_;
  std::unique_ptr<repository::Session> writer_ = Writer(*backend_);
  std::unique_ptr<repository::Session> session_ = Reader(*backend_);
};
STOREGATE_ADAPTERS(NativeCase);

constexpr char kId1[] = "00000000-0000-7000-8000-000000000001";
constexpr char kId2[] = "00000000-0000-7000-8000-000000000002";

NativeParameter Single(Type type, Value value) { return {type, false, {std::move(value)}}; }
NativeParameter Null(Type type) { return {type, false, {}}; }
NativeParameter List(Type type, std::vector<Value> values) {
  return {type, true, std::move(values)};
}
Value Text(const char* text) { return std::string(text); }

TEST_P(NativeCase, ColumnsFillFieldsOfTheirName) {
  Put("id: '" + std::string(kId1) +
      "' kind: POEM late: true days: -3 fee: 9223372036854775807 rating: 1.5 weight: 0.1 "
      "note: 'it\\'s' points { value: 0 } took { seconds: 1 nanos: 5000 } "
      "time { seconds: -1 nanos: 999000000 } mark: '\\000\\377' tags: 'a' tags: 'b' "
      "data { fields { key: 'k' value { bool_value: true } } }");
  const NativeQuery query =
      Of("SELECT \"note\" AS \"text\", \"days\" AS \"number\", \"time\", \"late\" AS \"flag\", "
         "\"mark\" AS \"data\", \"weight\" AS \"real\", \"took\", \"kind\", \"fee\" AS \"large\", "
         "\"tags\", \"data\" AS \"struct\", \"points\" AS \"wrapped\", \"id\" AS \"unknown\", "
         "1 AS \"TEXT\", 2 AS \"number\" FROM \"loans\"");
  EXPECT_THAT(Ask(query),
              ElementsAre("text: \"it\\'s\" number: -3 "
                          "time { seconds: -1 nanos: 999000000 } flag: true data: \"\\000\\377\" "
                          "real: 0.1 took { seconds: 1 nanos: 5000 } kind: POEM "
                          "large: 9223372036854775807 tags: \"a\" tags: \"b\" "
                          "struct { fields { key: \"k\" value { bool_value: true } } } "
                          "wrapped { }"));
  Put("id: '" + std::string(kId2) + "'");
  EXPECT_THAT(Ask(Of("SELECT \"note\" AS \"text\", \"time\", \"points\" AS \"wrapped\" "
                     "FROM \"loans\" ORDER BY \"id\" DESC LIMIT 1")),
              ElementsAre(""));
  EXPECT_THAT(Ask(Of("SELECT \"id\" AS \"text\" FROM \"loans\" ORDER BY \"id\"")),
              ElementsAre("text: \"" + std::string(kId1) + "\"",
                          "text: \"" + std::string(kId2) + "\""));
  EXPECT_THAT(Ask(Of("SELECT 1 FROM \"loans\" WHERE \"fee\" = 5")), IsEmpty());
}

TEST_P(NativeCase, ColumnsAreReadByTheirType) {
  EXPECT_EQ(One("large", "CAST(7 AS integer)"), "large: 7");
  EXPECT_EQ(One("large", "'7'::smallint", "7"), "large: 7");
  EXPECT_EQ(One("large", "(SELECT sum(v) FROM (VALUES (9223372036854775807), (-1)) AS t(v))",
                "9223372036854775806"),
            "large: 9223372036854775806");
  EXPECT_EQ(One("real", "'-1234.5678'::numeric", "-1234.5678"), "real: -1234.5678");
  EXPECT_EQ(One("real", "'1e-30'::numeric", "1e-30"), "real: 1e-30");
  EXPECT_EQ(One("real", "'123456789012345678901234567890'::numeric", "123456789012345678901234567890.0"),
            "real: 1.2345678901234568e+29");
  EXPECT_EQ(One("real", "'1e400'::numeric", "9e999"), "real: inf");
  EXPECT_EQ(One("real", "'1e-400'::numeric", "0.0"), "real: 0");
  EXPECT_EQ(One("large", "'-5.000'::numeric", "-5"), "large: -5");
  EXPECT_EQ(One("real", "7"), "real: 7");
  EXPECT_EQ(One("real", "'1.5'::real", "1.5"), "real: 1.5");
  EXPECT_EQ(One("text", "'x'"), "text: \"x\"");
  EXPECT_EQ(One("text", "NULL"), "");
  EXPECT_EQ(One("time", "'1999-12-31'::date", "946598400000"), "time { seconds: 946598400 }");
  EXPECT_EQ(One("took", "'2 days -1 us'::interval", "172799999999"),
            "took { seconds: 172799 nanos: 999999000 }");
  EXPECT_EQ(One("kind", "'NOVEL'"), "kind: NOVEL");
  EXPECT_EQ(One("wrapped", "5"), "wrapped { value: 5 }");
  EXPECT_EQ(One("tags", "ARRAY['a', 'b']", "json_array('a', 'b')"), "tags: \"a\" tags: \"b\"");
  EXPECT_EQ(One("tags", "'[\"c\"]'::json", "'[\"c\"]'"), "tags: \"c\"");
}

TEST_P(NativeCase, AColumnThatIsNotWhatItsFieldIsIsRefused) {
  ExpectRefused("SELECT 'x' AS \"large\"");
  ExpectRefused("SELECT 2147483648 AS \"number\"");
  ExpectRefused("SELECT '1.5'::numeric AS \"large\"", "SELECT 1.5 AS \"large\"");
  ExpectRefused("SELECT 1 AS \"text\"");
  ExpectRefused("SELECT 'x' AS \"time\"");
  ExpectRefused("SELECT '{' AS \"struct\"");
  ExpectRefused("SELECT '1 month'::interval AS \"took\"", "SELECT 1.5 AS \"took\"");
  ExpectRefused("SELECT 'infinity'::date AS \"time\"", "SELECT 9223372036854775807 AS \"time\"");
}

TEST_P(NativeCase, ParametersAreBoundAsTheirColumnsAre) {
  Put("id: '" + std::string(kId1) + "' kind: POEM late: true days: 3 fee: 5 weight: 0.5 "
      "note: 'a\\'b\\\\' took { seconds: 1 } time { seconds: 100 nanos: 1000000 } mark: '\\000\\377'");
  Put("id: '" + std::string(kId2) + "' days: 4 fee: 6 note: 'b'");
  const auto found = [&](const std::string& where, NativeParameter parameter) {
    NativeQuery query = Of("SELECT \"days\" AS \"number\" FROM \"loans\" WHERE " + where);
    query.parameters = {std::move(parameter)};
    return Ask(query);
  };
  const auto first = ElementsAre("number: 3");
  EXPECT_THAT(found("\"note\" = $1", Single(Type::kString, Text("a'b\\"))), first);
  EXPECT_THAT(found("\"id\" = $1", Single(Type::kString, Text(kId1))), first);
  EXPECT_THAT(found("\"kind\" = $1", Single(Type::kEnum, Text("POEM"))), first);
  EXPECT_THAT(found("\"late\" = $1", Single(Type::kBool, true)), first);
  EXPECT_THAT(found("\"days\" = $1", Single(Type::kInt32, int64_t{3})), first);
  EXPECT_THAT(found("\"days\" = $1", Single(Type::kInt64, int64_t{3})), first);
  EXPECT_THAT(found("\"fee\" = $1", Single(Type::kInt32, int64_t{5})), first);
  EXPECT_THAT(found("\"fee\" = $1 - 1", Single(Type::kUint32, int64_t{6})), first);
  EXPECT_THAT(found("\"weight\" = $1", Single(Type::kDouble, 0.5)), first);
  EXPECT_THAT(found("\"took\" = $1", Single(Type::kDuration, int64_t{1000000})), first);
  EXPECT_THAT(found("\"time\" = $1", Single(Type::kTimestamp, int64_t{100001})), first);
  EXPECT_THAT(found("\"mark\" = $1", Single(Type::kBytes, Bytes{std::string("\0\xff", 2)})), first);
  EXPECT_THAT(found("\"weight\" < $1", Single(Type::kDouble,
                                             std::numeric_limits<double>::infinity())), first);
  EXPECT_THAT(found("\"note\" = $1", Single(Type::kString, Text("x' OR '1' = '1"))), IsEmpty());
  EXPECT_THAT(found("\"note\" = $1", Null(Type::kString)), IsEmpty());
  EXPECT_EQ(found("\"days\" > 0 AND $1 IS NULL", Null(Type::kInt64)).size(), 2u);
  EXPECT_EQ(found("\"days\" > 0 AND $1 IS NULL", Null(Type::kTimestamp)).size(), 2u);
  EXPECT_EQ(found("\"days\" > 0 LIMIT $1", Single(Type::kInt32, int64_t{1})).size(), 1u);
}

TEST_P(NativeCase, ListsAreArraysOrJson) {
  Put("id: '" + std::string(kId1) + "' kind: POEM late: true days: 3 weight: 0.5 "
      "note: 'a\\'\\\"b\\\\{,' time { seconds: 100 nanos: 1000000 } mark: '\\000\\377'");
  Put("id: '" + std::string(kId2) + "' days: 4 note: 'NULL' weight: 2 late: false");
  const auto found = [&](const std::string& column, NativeParameter parameter,
                         const std::string& sqlite_column = "") {
    const std::string select = "SELECT \"days\" AS \"number\" FROM \"loans\" WHERE ";
    const std::string value = sqlite_column.empty() ? "\"" + column + "\"" : sqlite_column;
    NativeQuery query = Of(select + "\"" + column + "\" = ANY($1) ORDER BY 1",
                           select + value + " IN (SELECT value FROM json_each($1)) ORDER BY 1");
    query.parameters = {std::move(parameter)};
    return Ask(query);
  };
  const auto first = ElementsAre("number: 3");
  const auto both = ElementsAre("number: 3", "number: 4");
  EXPECT_THAT(found("note", List(Type::kString, {Text("a'\"b\\{,"), Text("")})), first);
  EXPECT_THAT(found("note", List(Type::kString, {Text("NULL"), Text("a'\"b\\{,")})), both);
  EXPECT_THAT(found("id", List(Type::kString, {Text(kId1)})), first);
  EXPECT_THAT(found("kind", List(Type::kEnum, {Text("POEM"), Text("NOVEL")})), first);
  EXPECT_THAT(found("days", List(Type::kInt32, {int64_t{3}, int64_t{5}})), first);
  EXPECT_THAT(found("days", List(Type::kInt64, {int64_t{3}, int64_t{4}})), both);
  EXPECT_THAT(found("days", List(Type::kInt64, {})), IsEmpty());
  EXPECT_THAT(found("note", List(Type::kString, {})), IsEmpty());
  EXPECT_THAT(found("weight", List(Type::kDouble, {0.5, 2.0})), both);
  EXPECT_THAT(found("weight", List(Type::kDouble, {0.5, std::numeric_limits<double>::infinity()})),
              first);
  EXPECT_THAT(found("late", List(Type::kBool, {true})), first);
  EXPECT_THAT(found("time", List(Type::kTimestamp, {int64_t{100001}, int64_t{0}})), first);
  EXPECT_THAT(found("mark", List(Type::kBytes, {Bytes{std::string("\0\xff", 2)}}), "hex(\"mark\")"),
              first);
}

TEST_P(NativeCase, ParametersMayRepeatInAnyOrder) {
  NativeQuery query = Of("SELECT $2 + $1 AS \"large\", $2 - $1 AS \"number\"");
  query.parameters = {Single(Type::kInt32, int64_t{1}), Single(Type::kInt32, int64_t{10})};
  EXPECT_THAT(Ask(query), ElementsAre("number: 9 large: 11"));
  // The same text with other values, and with another type.
  query.parameters = {Single(Type::kInt32, int64_t{2}), Single(Type::kInt32, int64_t{20})};
  EXPECT_THAT(Ask(query), ElementsAre("number: 18 large: 22"));
  NativeQuery other = Of(query.native->postgres);
  other.parameters = {Single(Type::kInt64, int64_t{2}), Single(Type::kInt64, int64_t{5000000000})};
  other.parameters[0] = Single(Type::kInt64, int64_t{5000000000 - 7});
  EXPECT_THAT(Ask(other), ElementsAre("number: 7 large: 9999999993"));
}

TEST_P(NativeCase, ATextThatTheDatabaseDoesNotTakeIsRefused) {
  ExpectRefused("SELEC 1");
  ExpectRefused("SELECT \"nothing\" FROM \"loans\"");
  ExpectRefused("SELECT * FROM nowhere");
  ExpectRefused("");
  ExpectRefused("-- nothing");
  ExpectRefused("SELECT 1 AS \"number\"; SELECT 2 AS \"number\"");
  ExpectRefused("SELECT $1 AS \"number\"");
  ExpectRefused("SELECT 1 / 0 AS \"number\"", "SELECT abs(-9223372036854775807 - 1) AS \"large\"");
  EXPECT_EQ(Ask(Of("SELECT 1 AS \"number\"; -- the end"))[0], "number: 1");
}

TEST_P(NativeCase, NothingIsWritten) {
  Put("id: '" + std::string(kId1) + "' fee: 5");
  session_ = Writer(*backend_);  // also by one that may
  ExpectRefused("DELETE FROM \"loans\"");
  ExpectRefused("DELETE FROM \"loans\" RETURNING \"fee\" AS \"large\"");
  ExpectRefused("UPDATE \"loans\" SET \"fee\" = 6 RETURNING \"fee\" AS \"large\"");
  ExpectRefused("WITH gone AS (DELETE FROM \"loans\" RETURNING \"fee\") SELECT * FROM gone",
                "INSERT INTO \"loans\" SELECT * FROM \"loans\"");
  ExpectRefused("DROP TABLE \"loans\"");
  ExpectRefused("CREATE TABLE \"t\" (\"a\" integer)");
  ExpectRefused("SELECT nextval(pg_get_serial_sequence('books', 'id')) AS \"large\"",
                "PRAGMA user_version = 5");
  ExpectRefused("COMMIT", "PRAGMA query_only = OFF");
  ExpectRefused("BEGIN", "BEGIN IMMEDIATE");
  ExpectRefused("SET statement_timeout = 1", "ATTACH ':memory:' AS other");
  ExpectRefused(sqlite() ? "VACUUM" : "SELECT * FROM \"loans\" FOR UPDATE");
  ExpectRefused("LISTEN something", "EXPLAIN SELECT 1");
  EXPECT_THAT(Where(*session_, Loan(), query::Predicate::True()), ElementsAre(kId1));
  // And the next write is one.
  Put("id: '" + std::string(kId2) + "' fee: 5");
}

TEST_P(NativeCase, WhatNobodyReadsEndsTheConnection) {
  if (sqlite()) return ExpectRefused("RELEASE a");
  const Status status = Rows(*session_, Of("COPY \"loans\" TO STDOUT")).status();
  EXPECT_THAT(status, HasReason("NATIVE_QUERY_FAILED"));
  EXPECT_FALSE(session_->Fresh());
}

TEST_P(NativeCase, WhatATextSetsIsForgotten) {
  if (sqlite()) {
    ExpectRefused("PRAGMA case_sensitive_like = ON");
    return;
  }
  EXPECT_EQ(One("text", "set_config('TimeZone', 'Asia/Tokyo', false)"), "text: \"Asia/Tokyo\"");
  EXPECT_NE(One("text", "current_setting('TimeZone')"), "text: \"Asia/Tokyo\"");
}

TEST_P(NativeCase, ItEndsAtItsDeadlineAndWithTheSink) {
  const std::string endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) ";
  NativeQuery query = Of(endless + "SELECT count(*) AS \"large\" FROM n WHERE i < 0");
  query.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(Rows(*session_, query).status().code(), Code::kDeadlineExceeded);
  query.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  EXPECT_EQ(Rows(*session_, query).status().code(), Code::kDeadlineExceeded);

  const NativeQuery few = Of(endless + "SELECT i AS \"large\" FROM n LIMIT 100");
  std::string bytes;
  repository::WireSink sink(&bytes, 1);
  sink.StopAfter(40);
  const Status status = session_->Native(few, &sink);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_TRUE(sink.full());
  EXPECT_LT(sink.rows(), 20u);
  EXPECT_EQ(One("number", "1"), "number: 1");
}

// Nothing is prepared there, and each transaction has settings of its own.
TEST_P(NativeCase, BehindAPoolerItIsTheSame) {
  if (sqlite()) return;
  postgres::Options options;
  options.url = SharedPostgresUrl(DatabaseName(*database_));
  options.transaction_pooler = true;
  const auto pooled = postgres::Open(options);
  ASSERT_TRUE(pooled.ok()) << pooled.status().ToString();
  session_ = Reader(**pooled);
  NativeQuery query = Of("SELECT $1 AS \"text\", $2 AS \"number\"");
  query.parameters = {Single(Type::kString, Text("x")), Single(Type::kInt32, int64_t{5})};
  query.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  EXPECT_THAT(Ask(query), ElementsAre("text: \"x\" number: 5"));
  ExpectRefused("DELETE FROM \"loans\"");
  session_ = Writer(**pooled);
  ExpectRefused("DELETE FROM \"loans\"");
  EXPECT_THAT(Ask(query), ElementsAre("text: \"x\" number: 5"));
  EXPECT_TRUE(InsertText(*session_, Loan(), "id: '" + std::string(kId1) + "'").ok());
}

TEST_P(NativeCase, ItIsOneStatement) {
  One("number", "1");
  const int64_t before = session_->statements();
  One("number", "1");
  EXPECT_EQ(session_->statements(), before + 1);
}

}  // namespace
}  // namespace storegate::test

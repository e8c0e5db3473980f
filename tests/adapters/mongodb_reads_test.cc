// Reads of some of a row's fields, and of some rows of each value.
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/repository/wire_sink.h"
#include "tests/adapters/library.h"
#include "tests/adapters/mongodb_session.h"

namespace storegate::test {
namespace {

using repository::Query;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MongodbMasks : public testing::Test {
 protected:
  MongodbMasks() {
    for (const char* text :
         {"id: '1' name: 'A' slug: 'a' born: 5", "id: '2' name: 'B' slug: 'b' email: 'b@x'"}) {
      const Status status = InsertText(*session_, Author(), text);
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
    const Status status =
        Apply(*session_, {Change(repository::Change::kDelete, Author(), std::string("2"))});
    EXPECT_TRUE(status.ok()) << status.ToString();
  }

  // Rows of a Get by slug, and whether each has an etag.
  std::vector<std::string> Get(std::initializer_list<const char*> fields,
                               std::vector<std::string> slugs) {
    repository::GetRequest request;
    request.entity = &Author();
    request.key = &Author().keys[1];
    EXPECT_EQ(request.key->fields[0]->name, "slug");
    for (std::string& slug : slugs) request.values.push_back({std::move(slug)});
    for (const char* field : fields) request.fields.push_back(Author().Find(field));
    std::string bytes;
    repository::WireSink sink(&bytes);
    sink.SetEntity(&Author());
    std::vector<repository::Found> found;
    const Status status = session_->Get(request, &sink, &found);
    EXPECT_TRUE(status.ok()) << status.ToString();
    std::vector<std::string> rows;
    for (const repository::Found& entry : found) {
      const std::unique_ptr<google::protobuf::Message> row(Author().prototype->New());
      EXPECT_TRUE(row->ParseFromString(bytes.substr(entry.begin, entry.end - entry.begin)));
      const auto* reflection = row->GetReflection();
      const bool etag = !reflection->GetString(*row, Author().etag->descriptor).empty();
      reflection->ClearField(row.get(), Author().etag->descriptor);
      rows.push_back(std::string(!entry.found ? "none" : entry.deleted ? "deleted" : "living") +
                     (etag ? " with etag: " : ": ") + row->ShortDebugString());
    }
    return rows;
  }

  MongodbHome home_{OneMongodb(), Library()};
  std::unique_ptr<mongodb::MongodbSession> session_ = home_.Session({});
};

TEST_F(MongodbMasks, AGetGivesTheFieldsThatItNamesAndFindsAllTheSame) {
  EXPECT_THAT(Get({"name"}, {"b", "x", "a"}),
              ElementsAre("deleted: name: \"B\"", "none: ", "living: name: \"A\""));
  EXPECT_THAT(Get({"name", "born", "etag"}, {"a"}),
              ElementsAre("living with etag: name: \"A\" born: 5"));
  EXPECT_THAT(Get({"etag"}, {"b", "a"}), ElementsAre("deleted with etag: ", "living with etag: "));
  EXPECT_THAT(Get({"id", "slug"}, {"a"}), ElementsAre("living: id: \"1\" slug: \"a\""));
  EXPECT_THAT(Get({"email"}, {"a", "b"}), ElementsAre("living: ", "deleted: email: \"b@x\""));
}

TEST_F(MongodbMasks, AListGivesTheFieldsThatItNames) {
  Query query = All(Author(), "name desc");
  query.show_deleted = true;
  query.fields = {Author().Find("name"), Author().Find("delete_time")};
  EXPECT_THAT(*Rows(*session_, query),
              ElementsAre("name: \"B\" delete_time { seconds: 1700000000 }", "name: \"A\""));
}

class MongodbEach : public testing::Test {
 protected:
  void Fill(std::initializer_list<std::pair<const char*, int>> born) {
    std::string documents;
    int number = 0;
    for (const auto& [year, count] : born) {
      for (int i = 0; i < count; ++i, ++number) {
        const std::string id = std::to_string(1000 + number);
        documents += (documents.empty() ? "" : ", ") + ("{\"_id\": \"" + id + "\", \"slug\": \"") +
                     id + "\"" + (*year ? std::string(", \"born\": ") + year : "") + "}";
      }
    }
    home_.Insert("authors", "[" + documents + "]");
  }

  // "born id" of each row.
  std::vector<std::string> List(int64_t each_limit, int64_t limit, const char* order) {
    Query query = All(Author(), order);
    query.each = Author().Find("born");
    query.each_limit = each_limit;
    query.limit = limit;
    query.fields = {Author().Find("id"), query.each};
    const Result<std::vector<std::string>> rows = Rows(*session_, query);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    std::vector<std::string> texts;
    for (const std::string& row : *rows) {
      const auto record = Record(Author(), row);
      const Value born = *query::ReadValue(*record, query.each->descriptor);
      texts.push_back((IsNull(born) ? "-" : std::to_string(std::get<int64_t>(born))) + " " +
                      std::get<std::string>(*query::ReadValue(*record, Author().id->descriptor)));
    }
    return texts;
  }

  MongodbHome home_{OneMongodb(), Library()};
  std::unique_ptr<mongodb::MongodbSession> session_ = home_.Session({});
};

TEST_F(MongodbEach, AtMostSoManyOfEachInOrder) {
  Fill({{"", 3}, {"7", 2}, {"-1", 3}, {"8", 1}});
  EXPECT_THAT(List(2, 100, "id desc"), ElementsAre("- 1002", "- 1001", "-1 1007", "-1 1006",
                                                   "7 1004", "7 1003", "8 1008"));
  EXPECT_THAT(List(1, 3, ""), ElementsAre("- 1000", "-1 1005", "7 1003"));
  EXPECT_EQ(List(0, 100, "").size(), 9u);
  EXPECT_THAT(List(0, 2, "born desc, id"), ElementsAre("- 1000", "- 1001"));
}

TEST_F(MongodbEach, ManyOfAValueAreLeftOutByTheServer) {
  Fill({{"", 150}, {"1", 2000}, {"2", 102}, {"3", 1}});
  const int64_t before = session_->statements();
  EXPECT_THAT(List(1, 100, ""), ElementsAre("- 1000", "1 1150", "2 3150", "3 3252"));
  // A find, another behind each value with more than a hundred rows too many, and the getMore
  // that brings it so far.
  EXPECT_LE(session_->statements() - before, 8);
}

TEST_F(MongodbEach, TheServersPlanIsToldWhereItHasOne) {
  const Result<std::string> plan = session_->Explain(All(Author(), "name"));
  if (SharedMongodb().real()) {
    ASSERT_TRUE(plan.ok()) << plan.status().ToString();
    EXPECT_THAT(*plan, HasSubstr("\"queryPlanner\""));
    return;
  }
  EXPECT_THAT(plan.status(), HasReason("EXPLAIN_UNAVAILABLE"));
  EXPECT_EQ(plan.status().code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace storegate::test

// How a seed file is read, in which order its records go, and what each mistake
// in it is answered with.
#include "server/cmd/seed.h"

#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <google/protobuf/dynamic_message.h>
#include <gtest/gtest.h>

#include "tests/unit/cmd/library_schema.h"

namespace storegate::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Keeps ids as a database would, checks references, and notes the calls.
class FakeService {
 public:
  void Handle(service::Call call) {
    EXPECT_TRUE(call.keep_times);
    std::unique_ptr<google::protobuf::Message> request(call.method->request->New());
    ASSERT_TRUE(request->ParseFromString(call.request));
    std::vector<const google::protobuf::Message*> records;
    const auto* reflection = request->GetReflection();
    if (call.method->operation == schema::Operation::kCreate) {
      records.push_back(&reflection->GetMessage(*request, call.method->record));
    } else {
      for (int i = 0; i < reflection->FieldSize(*request, call.method->requests); ++i) {
        const auto& item = reflection->GetRepeatedMessage(*request, call.method->requests, i);
        records.push_back(&item.GetReflection()->GetMessage(item, call.method->item_record));
      }
    }
    calls.push_back(call.method->name + " " + std::to_string(records.size()));
    std::set<std::string> added;
    for (const auto* record : records) {
      Status status = fail_with;
      if (status.ok()) status = Check(*record);
      if (!status.ok()) return call.done(status, "");
      added.insert(Text(*record, "id"));
    }
    ids.insert(added.begin(), added.end());
    call.done(Status(), "");
  }

  std::vector<std::string> calls;
  std::set<std::string> ids;
  Status fail_with;

 private:
  static std::string Text(const google::protobuf::Message& record, const std::string& field) {
    const auto* descriptor = record.GetDescriptor()->FindFieldByName(field);
    return descriptor == nullptr ? "" : record.GetReflection()->GetString(record, descriptor);
  }

  Status Check(const google::protobuf::Message& record) {
    if (ids.count(Text(record, "id")) != 0) {
      return Status(Code::kAlreadyExists, "RECORD_EXISTS", "there is such a record");
    }
    std::string author = Text(record, "author_id");
    if (!author.empty() && ids.count(author) == 0) {
      return Status(Code::kFailedPrecondition, "REFERENCE_NOT_FOUND", "there is no such author");
    }
    if (Text(record, "name") == "bad") return InvalidField("author.name", "must not be bad");
    return Status();
  }
};

class SeedTest : public ::testing::Test {
 protected:
  SeedTest() : schema_(LibrarySchema()) {}

  Status Load(const std::string& text) {
    seeder_ = std::make_unique<Seeder>(
        *schema_, [this](service::Call call) { service_.Handle(std::move(call)); }, 1000);
    std::istringstream in(text);
    return seeder_->Load(in, "books.jsonl");
  }

  // The message of the error that `line` is refused with.
  std::string Refused(const std::string& line) {
    Status status = Load(line);
    EXPECT_FALSE(status.ok()) << line;
    EXPECT_EQ(status.reason(), "INVALID_SEED") << line;
    EXPECT_TRUE(service_.calls.empty()) << line;
    return status.message();
  }

  static std::string Author(const std::string& id, const std::string& name = "n") {
    return R"({"entity": "Author", "record": {"id": ")" + id + R"(", "name": ")" + name +
           "\"}}\n";
  }
  static std::string Book(const std::string& id, const std::string& author) {
    return R"({"entity": "library.v1.Book", "record": {"id": ")" + id + R"(", "author_id": ")" +
           author + "\"}}\n";
  }

  std::unique_ptr<const schema::Schema> schema_;
  FakeService service_;
  std::unique_ptr<Seeder> seeder_;
};

TEST_F(SeedTest, EveryKindOfFieldIsRead) {
  SeedParser parser(*schema_);
  Result<SeedLine> line = parser.Parse(
      R"({"entity": "Book", "record": {"id": "b", "title": "Straße", "pages": 9007199254740993,)"
      R"( "kind": "NOVEL", "metadata": {"a": [1, null, {"b": true}]},)"
      R"( "create_time": "2026-01-31T23:59:59.123Z"}})");
  ASSERT_TRUE(line.ok()) << line.status().ToString();
  EXPECT_EQ(line->entity->full_name, "library.v1.Book");
  std::unique_ptr<google::protobuf::Message> record(line->entity->prototype->New());
  ASSERT_TRUE(record->ParseFromString(line->record));
  EXPECT_EQ(record->GetReflection()->GetInt64(*record, record->GetDescriptor()->field(3)),
            9007199254740993);
  EXPECT_THAT(record->ShortDebugString(), HasSubstr("nanos: 123000000"));
}

TEST_F(SeedTest, ALineThatIsNoRecordSaysWhy) {
  EXPECT_THAT(Refused("{"), HasSubstr("books.jsonl:1: not JSON at column"));
  EXPECT_THAT(Refused("\n\n[]"), HasSubstr("books.jsonl:3: must be an object"));
  EXPECT_THAT(Refused("{\"entity\": \"Author\"}"), HasSubstr("\"record\" is missing"));
  EXPECT_THAT(Refused("{\"record\": {}}"), HasSubstr("\"entity\" is missing"));
  EXPECT_THAT(Refused("{\"entity\": 3, \"record\": {}}"), HasSubstr("name of an entity"));
  EXPECT_THAT(Refused("{\"entity\": \"Author\", \"record\": []}"), HasSubstr("must be an object"));
  EXPECT_THAT(Refused("{\"entity\": \"Author\", \"record\": {}, \"x\": 1}"),
              HasSubstr("unknown key \"x\""));
  EXPECT_THAT(Refused("{\"entity\": \"Autor\", \"record\": {}}"),
              HasSubstr("known are library.v1.Author, library.v1.Book"));
  EXPECT_THAT(Refused("{\"entity\": \"Author\", \"record\": {\"nme\": 1}}"), HasSubstr("nme"));
  EXPECT_THAT(Refused("{\"entity\": \"Book\", \"record\": {\"kind\": \"POEM\"}}"),
              HasSubstr("kind"));
  EXPECT_THAT(Refused("{\"entity\": \"Book\", \"record\": {\"pages\": \"many\"}}"),
              HasSubstr("pages"));
  EXPECT_THAT(Refused("{\"entity\": \"Book\", \"record\": {\"title\": \"\xff\"}}"),
              HasSubstr("not JSON"));
  EXPECT_THAT(Refused("{\"entity\": \"Shelf\", \"record\": {}}"),
              HasSubstr("no store of library.v1.Shelf creates"));
}

TEST_F(SeedTest, ALineThatIsNestedWithoutEndIsRefused) {
  std::string deep(100000, '[');
  EXPECT_THAT(Refused("{\"entity\": \"Book\", \"record\": {\"metadata\": " + deep),
              HasSubstr("books.jsonl:1: "));
}

TEST_F(SeedTest, RecordsGoInBatchesWhereTheStoreHasThem) {
  std::string text;
  for (int i = 0; i < 250; ++i) text += Author("a" + std::to_string(i));
  text += "  \r\n" + Book("b1", "a1") + Book("b2", "a2");
  ASSERT_TRUE(Load(text).ok());
  EXPECT_THAT(service_.calls,
              ElementsAre("BatchCreateAuthors 100", "BatchCreateAuthors 100",
                          "BatchCreateAuthors 50", "CreateBook 1", "CreateBook 1"));
  EXPECT_EQ(seeder_->report().loaded, 252);
  EXPECT_EQ(seeder_->report().existing, 0);
}

TEST_F(SeedTest, WhatIsReferredToGoesFirstWhereverItStands) {
  ASSERT_TRUE(Load(Book("b1", "a1") + Author("a1") + Book("b2", "a2") + Author("a2")).ok());
  EXPECT_EQ(seeder_->report().loaded, 4);
}

TEST_F(SeedTest, ARecordWaitsForOneFarBehindIt) {
  std::string text;
  for (int i = 0; i < 120; ++i) text += Book("b" + std::to_string(i), "late");
  ASSERT_TRUE(Load(text + Author("late")).ok());
  EXPECT_EQ(seeder_->report().loaded, 121);
}

TEST_F(SeedTest, AReferenceToNothingNamesItsLine) {
  Status status = Load(Author("a1") + Book("b1", "a1") + Book("b2", "nobody"));
  EXPECT_EQ(status.reason(), "REFERENCE_NOT_FOUND");
  EXPECT_THAT(status.message(), HasSubstr("books.jsonl:3: there is no such author"));
  EXPECT_EQ(seeder_->report().loaded, 2);
}

TEST_F(SeedTest, ExistingRecordsAreSkippedAndCounted) {
  service_.ids = {"a1", "a3"};
  ASSERT_TRUE(Load(Author("a1") + Author("a2") + Author("a3") + Author("a4")).ok());
  EXPECT_EQ(seeder_->report().loaded, 2);
  EXPECT_EQ(seeder_->report().existing, 2);
  EXPECT_EQ(service_.ids.size(), 4u);
}

TEST_F(SeedTest, AViolationNamesTheLineOfItsRecord) {
  Status status = Load(Author("a1") + Author("a2", "bad") + Author("a3"));
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("books.jsonl:2: "));
  ASSERT_EQ(status.violations().size(), 1u);
  EXPECT_EQ(status.violations()[0].field, "author.name");
  EXPECT_EQ(service_.ids, std::set<std::string>{"a1"});
}

TEST_F(SeedTest, AFailingDatabaseIsNotAskedForEachRecord) {
  service_.fail_with = Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "no answer");
  Status status = Load(Author("a1") + Author("a2"));
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(service_.calls, ElementsAre("BatchCreateAuthors 2"));
}

}  // namespace
}  // namespace storegate::cmd

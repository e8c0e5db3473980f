// Rows through a session: keys, orders, pages, writes; the same on each backend. The
// conformance suite has what callers see; here is what only an adapter can get wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/repository/wire_sink.h"
#include "tests/adapters/adapter_case.h"

namespace storegate::test {
namespace {

using repository::KeyValues;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using repository::Mutation;
using repository::Query;

KeyValues Key(const char* text) { return {Value(std::string(text))}; }
Value Text(const char* text) { return std::string(text); }

class SessionCase : public AdapterCase {
 protected:
  Status Put(const schema::Entity& entity, const std::string& text) {
    return InsertText(*writer_, entity, text);
  }
  void PutAuthor(const std::string& id, const std::string& more = "") {
    const Status status =
        Put(Author(), "id: '" + id + "' name: 'N" + id + "' slug: 's" + id + "' " + more);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  Status Delete(const schema::Entity& entity, Value id) {
    return Apply(*writer_, {Change(repository::Change::kDelete, entity, std::move(id))});
  }

  std::unique_ptr<repository::Session> writer_ = Writer(*backend_);
};
STOREGATE_ADAPTERS(SessionCase);

TEST_P(SessionCase, GetsManyKeysInOneStatement) {
  for (int i = 0; i < 100; ++i) PutAuthor(std::to_string(i));
  std::vector<KeyValues> values;
  for (int i = 99; i >= 0; --i) values.push_back(Key(std::to_string(i).c_str()));
  const auto reader = Reader(*backend_);
  const auto got = Get(*reader, Author(), "id", values);
  EXPECT_EQ(reader->statements(), 1);
  ASSERT_EQ(got.size(), 100u);
  EXPECT_EQ(got[0].row, "id: \"99\" name: \"N99\" slug: \"s99\"");
  EXPECT_EQ(got[99].row, "id: \"0\" name: \"N0\" slug: \"s0\"");
}

TEST_P(SessionCase, KeysThatLookLikeJsonOrSqlAreTexts) {
  const std::vector<std::string> ids = {"a\"b", "a\\b", "'; DROP TABLE authors; --", "null",
                                        "1",    "1.0",  "[1]", "A", "a", "a ", "é", "e\u0301", ""};
  std::vector<KeyValues> values;
  int slug = 0;
  for (const std::string& id : ids) {
    auto record = Record(Author(), "name: 'x' slug: 's" + std::to_string(slug++) + "'");
    record->GetReflection()->SetString(record.get(), Author().id->descriptor, id);
    const Status status = Apply(*writer_, {Insert(*record)});
    ASSERT_TRUE(status.ok()) << status.ToString();
    values.push_back({Value(id)});
  }
  const auto many = Get(*writer_, Author(), "id", values);
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string slug_text = "slug: \"s" + std::to_string(i) + "\"";
    EXPECT_THAT(many[i].row, HasSubstr(slug_text)) << ids[i];
    EXPECT_THAT(Get(*writer_, Author(), "id", {values[i]})[0].row, HasSubstr(slug_text)) << ids[i];
  }
}

TEST_P(SessionCase, ACompoundKeyIsOneStatementHoweverMany) {
  PutAuthor("1");
  std::vector<KeyValues> values;
  for (int i = 0; i < 37; ++i) {
    ASSERT_TRUE(Put(Book(), "title: 't' author_slug: 's1' shelf: 'A' place: " +
                                std::to_string(i)).ok());
    values.push_back({Text("A"), int64_t{i}});
  }
  values.push_back({Text("B"), int64_t{0}});
  const auto reader = Reader(*backend_);
  const auto got = Get(*reader, Book(), "shelf,place", values);
  EXPECT_EQ(reader->statements(), 1);
  EXPECT_THAT(got[36].row, HasSubstr("place: 36"));
  EXPECT_EQ(got[37].state, "none");
}

TEST_P(SessionCase, BytesAreAKeyToo) {
  ASSERT_TRUE(Put(Note(), "id: 'a' key: '\\000\\001'").ok());
  ASSERT_TRUE(Put(Note(), "id: 'b' key: '\\377'").ok());
  const auto got = Get(*writer_, Note(), "key",
                       {{Bytes{"\xff"}}, {Bytes{std::string("\0\1", 2)}}, {Bytes{"x"}}});
  EXPECT_THAT(got[0].row, HasSubstr("id: \"b\""));
  EXPECT_THAT(got[1].row, HasSubstr("id: \"a\""));
  EXPECT_EQ(got[2].state, "none");
}

TEST_P(SessionCase, AmongTheLivingTheLivingRowIsFoundBeforeDeletedOnes) {
  PutAuthor("1", "email: 'a@x'");
  ASSERT_TRUE(Delete(Author(), Text("1")).ok());
  PutAuthor("2", "email: 'a@x'");
  ASSERT_TRUE(Delete(Author(), Text("2")).ok());
  EXPECT_EQ(Get(*writer_, Author(), "email", {Key("a@x")})[0].state, "deleted");
  PutAuthor("3", "email: 'a@x'");
  PutAuthor("4", "email: 'b@x'");
  const auto got =
      Get(*writer_, Author(), "email", {Key("b@x"), Key("a@x"), Key("c@x")});
  EXPECT_EQ(got[0].state, "living");
  EXPECT_THAT(got[1].row, HasSubstr("id: \"3\""));
  EXPECT_EQ(got[2].state, "none");
  EXPECT_EQ(Get(*writer_, Author(), "id", {Key("1")})[0].state, "deleted");
}

// Reads a list page by page, `size` rows each, every page from the values of the
// last row of the one before.
std::vector<std::string> Pages(repository::Session& session, Query query, int64_t size) {
  std::vector<std::string> all;
  query.limit = size;
  while (true) {
    std::string bytes;
    repository::WireSink sink(&bytes);
    sink.SetEntity(query.entity);
    sink.Remember(&query.order);
    const Status status = session.List(query, &sink);
    EXPECT_TRUE(status.ok()) << status.ToString();
    if (sink.rows() == 0 || !status.ok()) return all;
    const Result<std::vector<std::string>> rows = Rows(session, query);
    all.insert(all.end(), rows->begin(), rows->end());
    query.after = sink.last_values();
  }
}

TEST_P(SessionCase, PagesMissAndRepeatNothingInAnyOrderWithNulls) {
  int id = 0;
  for (const char* born : {"", "born: -5", "born: 0", "born: 7"}) {
    for (const char* email : {"", "e"}) {
      for (int i = 0; i < 3; ++i, ++id) {
        PutAuthor(std::to_string(id), std::string(born) +
                                          (*email ? " email: 'e" + std::to_string(id) + "'" : "") +
                                          " create_time { seconds: " + std::to_string(i) + " }");
      }
    }
  }
  for (const char* order :
       {"", "id desc", "born", "born desc", "born, create_time desc", "born desc, create_time",
        "email desc, born", "email, born desc, create_time", "create_time, email desc, born desc"}) {
    const Query query = All(Author(), order);
    const auto whole = Rows(*writer_, query);
    ASSERT_EQ(whole->size(), 24u) << order;
    for (const int64_t size : {1, 5, 24}) EXPECT_EQ(Pages(*writer_, query, size), *whole) << order;
  }
  const auto nulls_first = Rows(*writer_, All(Author(), "born"));
  EXPECT_THAT(nulls_first->front(), Not(HasSubstr("born")));
  EXPECT_THAT(nulls_first->back(), HasSubstr("born: 7"));
  const auto nulls_last = Rows(*writer_, All(Author(), "born desc"));
  EXPECT_THAT(nulls_last->front(), HasSubstr("born: 7"));
  EXPECT_THAT(nulls_last->back(), Not(HasSubstr("born")));
}

TEST_P(SessionCase, TextSortsByCodePoint) {
  for (const char* id : {"b", "B", "a", "é", "\U0001F600", "\uFF5E", "a b"}) PutAuthor(id);
  EXPECT_THAT(Where(*writer_, Author(), query::Predicate::True()),
              ElementsAre("B", "a", "a b", "b", "é", "\uFF5E", "\U0001F600"));
}

TEST_P(SessionCase, AListStopsWhereTheSinkIsFull) {
  for (int i = 0; i < 10; ++i) PutAuthor(std::to_string(i));
  std::string bytes;
  repository::WireSink sink(&bytes, 1);
  sink.StopAfter(40);
  ASSERT_TRUE(writer_->List(All(Author()), &sink).ok());
  EXPECT_TRUE(sink.full());
  EXPECT_LT(sink.rows(), 10u);
}

TEST_P(SessionCase, SkipAndLimitCount) {
  for (int i = 0; i < 5; ++i) PutAuthor(std::to_string(i));
  Query query = All(Author());
  query.skip = 3;
  query.limit = 1;
  EXPECT_THAT(*Rows(*writer_, query), ElementsAre(HasSubstr("id: \"3\"")));
  query.skip = 9;
  EXPECT_THAT(*Rows(*writer_, query), IsEmpty());
  EXPECT_EQ(*writer_->Count(query), 5);
}

TEST_P(SessionCase, AWriteReadsBackAllItsRows) {
  const auto one = Record(Author(), "id: '1' name: 'A' slug: 'a'");
  const auto two = Record(Author(), "id: '1' name: 'B' born: 5");
  std::string rows;
  const Status status = Apply(*writer_,
                              {Insert(*one), Update(*two, "name,born"),
                               Change(repository::Change::kDelete, Author(), Text("1")),
                               Change(repository::Change::kUndelete, Author(), Text("1")),
                               Change(repository::Change::kPurge, Author(), Text("1"))},
                              &rows);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(rows,
            "id: \"1\" name: \"A\" slug: \"a\" | "
            "id: \"1\" name: \"B\" slug: \"a\" born: 5 | "
            "id: \"1\" name: \"B\" slug: \"a\" born: 5 update_time { seconds: 1700000000 } "
            "delete_time { seconds: 1700000000 } | "
            "id: \"1\" name: \"B\" slug: \"a\" born: 5 update_time { seconds: 1700000000 } | "
            "id: \"1\" name: \"B\" slug: \"a\" born: 5 update_time { seconds: 1700000000 }");
  EXPECT_THAT(*Rows(*writer_, All(Author())), IsEmpty());
}

TEST_P(SessionCase, AnUpdateSetsOnlyItsFieldsAndUnsetsWhatIsUnset) {
  PutAuthor("1", "email: 'a@x' born: 5");
  const auto record = Record(Author(), "id: '1' name: 'New'");
  ASSERT_TRUE(Apply(*writer_, {Update(*record, "name,email")}).ok());
  EXPECT_EQ(Get(*writer_, Author(), "id", {Key("1")})[0].row,
            "id: \"1\" name: \"New\" slug: \"s1\" born: 5");
  query::Predicate contains;
  contains.kind = query::Predicate::Kind::kContains;
  contains.path.field = Author().Find("name");
  contains.value = Text("new");
  EXPECT_THAT(Where(*writer_, Author(), contains), ElementsAre("1"));
}

TEST_P(SessionCase, OneWriteOfAGroupFailsAloneAndWhole) {
  PutAuthor("taken");
  const auto good = Record(Author(), "id: 'good' name: 'x' slug: 'good'");
  const auto half = Record(Author(), "id: 'half' name: 'x' slug: 'half'");
  const auto bad = Record(Author(), "id: 'taken' name: 'x' slug: 'other'");
  const auto last = Record(Author(), "id: 'last' name: 'x' slug: 'last'");
  repository::Write writes[3];
  writes[0].mutations = {Insert(*good)};
  writes[1].mutations = {Insert(*half), Insert(*bad), Insert(*last)};
  writes[2].mutations = {Insert(*last)};
  repository::Write* const all[] = {&writes[0], &writes[1], &writes[2]};
  ASSERT_TRUE(writer_->Apply(all).ok());
  EXPECT_FALSE(writes[0].failed);
  ASSERT_TRUE(writes[1].failed);
  EXPECT_EQ(*writes[1].failed, 1u);
  EXPECT_THAT(writes[1].outcomes[1].status, HasReason("RECORD_EXISTS"));
  EXPECT_FALSE(writes[2].failed);
  EXPECT_THAT(Where(*writer_, Author(), query::Predicate::True()),
              ElementsAre("good", "last", "taken"));
}

TEST_P(SessionCase, EachConflictNamesItsFields) {
  PutAuthor("1", "email: 'a@x'");
  EXPECT_THAT(Put(Author(), "id: '1' name: 'x' slug: 'new'"), HasReason("RECORD_EXISTS"));
  EXPECT_THAT(Put(Author(), "id: '1' name: 'x' slug: 's1' email: 'a@x'"),
              HasReason("RECORD_EXISTS"));
  Status status = Put(Author(), "id: '2' name: 'x' slug: 's1'");
  EXPECT_THAT(status, HasReason("UNIQUE_VIOLATION"));
  EXPECT_EQ(status.metadata().at("fields"), "slug");
  status = Put(Author(), "id: '2' name: 'x' slug: 's2' email: 'a@x'");
  EXPECT_EQ(status.metadata().at("fields"), "email");
  ASSERT_TRUE(Put(Book(), "id: 7 author_slug: 's1' shelf: 'A' place: 1").ok());
  status = Put(Book(), "author_slug: 's1' shelf: 'A' place: 1");
  EXPECT_EQ(status.metadata().at("fields"), "shelf,place");
  EXPECT_THAT(Put(Book(), "id: 7 author_slug: 's1' shelf: 'A' place: 2"),
              HasReason("RECORD_EXISTS"));
}

TEST_P(SessionCase, UnsetValuesOfAUniqueFieldDoNotClash) {
  PutAuthor("1");
  PutAuthor("2");
}

TEST_P(SessionCase, ADeletedRowFreesWhatIsUniqueAmongTheLivingOnly) {
  PutAuthor("1", "email: 'a@x'");
  ASSERT_TRUE(Delete(Author(), Text("1")).ok());
  EXPECT_EQ(Put(Author(), "id: '2' name: 'x' slug: 's1'").metadata().at("fields"), "slug");
  PutAuthor("3", "email: 'a@x'");
  const Status status =
      Apply(*writer_, {Change(repository::Change::kUndelete, Author(), Text("1"))});
  EXPECT_EQ(status.metadata().at("fields"), "email");
}

TEST_P(SessionCase, AReferenceNamesALivingRow) {
  PutAuthor("1");
  const Status status = Put(Book(), "author_slug: 'nobody' shelf: 'A'");
  EXPECT_THAT(status, HasReason("REFERENCE_NOT_FOUND"));
  EXPECT_EQ(status.metadata().at("field"), "author_slug");
  ASSERT_TRUE(Delete(Author(), Text("1")).ok());
  EXPECT_THAT(Put(Book(), "author_slug: 's1' shelf: 'A'"), HasReason("REFERENCE_NOT_FOUND"));
  EXPECT_THAT(Where(*writer_, Book(), query::Predicate::True()), IsEmpty());
  // Without being asked to check, the foreign key still does.
  auto record = Record(Book(), "author_slug: 'nobody' shelf: 'A'");
  Mutation mutation = Insert(*record);
  mutation.check_references.clear();
  EXPECT_THAT(Apply(*writer_, {mutation}), HasReason("REFERENCE_NOT_FOUND"));
}

TEST_P(SessionCase, ARowMayReferToItself) {
  PutAuthor("1", "mentor_id: '1'");
  EXPECT_TRUE(Delete(Author(), Text("1")).ok());
  EXPECT_TRUE(Apply(*writer_, {Change(repository::Change::kUndelete, Author(), Text("1"))}).ok());
  EXPECT_TRUE(Apply(*writer_, {Change(repository::Change::kPurge, Author(), Text("1"))}).ok());
}

TEST_P(SessionCase, ARowThatIsReferredToStays) {
  PutAuthor("1");
  PutAuthor("2", "mentor_id: '1'");
  Status status = Delete(Author(), Text("1"));
  EXPECT_THAT(status, HasReason("RECORD_REFERENCED"));
  EXPECT_EQ(status.metadata().at("referrer"), "Author.mentor_id");
  ASSERT_TRUE(Delete(Author(), Text("2")).ok());
  // The referrer is deleted, so the row may be, but not for good.
  EXPECT_TRUE(Delete(Author(), Text("1")).ok());
  status = Apply(*writer_, {Change(repository::Change::kPurge, Author(), Text("1"))});
  EXPECT_EQ(status.metadata().at("referrer"), "Author.mentor_id");
  // And neither when the session is not asked to look.
  Mutation purge = Change(repository::Change::kPurge, Author(), Text("1"));
  purge.check_referrers.clear();
  EXPECT_EQ(Apply(*writer_, {purge}).metadata().at("referrer"), "Author.mentor_id");
  EXPECT_THAT(Apply(*writer_, {Change(repository::Change::kUndelete, Author(), Text("2"))}),
              HasReason("REFERENCE_NOT_FOUND"));
}

TEST_P(SessionCase, StatesAreCheckedInOrder) {
  const auto change = [&](repository::Change kind, const char* id, std::optional<int64_t> version) {
    Mutation mutation = Change(kind, Author(), Text(id));
    const auto record = Record(Author(), "id: '" + std::string(id) + "' name: 'u' slug: 'u'");
    mutation.record = record.get();
    if (kind == repository::Change::kUpdate || kind == repository::Change::kUpsert) {
      mutation.fields = {Author().Find("name")};
    }
    mutation.expected_version = version;
    return Apply(*writer_, {mutation});
  };
  using repository::Change;
  PutAuthor("live");
  PutAuthor("dead");
  ASSERT_TRUE(Delete(Author(), Text("dead")).ok());
  for (const Change kind : {Change::kUpdate, Change::kDelete, Change::kUndelete, Change::kPurge}) {
    EXPECT_THAT(change(kind, "none", 1), HasReason("RECORD_NOT_FOUND"));
    EXPECT_THAT(change(kind, "none", std::nullopt), HasReason("RECORD_NOT_FOUND"));
  }
  EXPECT_THAT(change(Change::kUpsert, "none", 1), HasReason("ETAG_MISMATCH"));
  for (const Change kind : {Change::kUpdate, Change::kUpsert, Change::kDelete}) {
    EXPECT_THAT(change(kind, "dead", -1), HasReason("RECORD_DELETED"));
    EXPECT_THAT(change(kind, "live", -1), HasReason("ETAG_MISMATCH"));
  }
  EXPECT_THAT(change(Change::kUndelete, "live", -1), HasReason("RECORD_NOT_DELETED"));
  EXPECT_THAT(change(Change::kUndelete, "dead", -1), HasReason("ETAG_MISMATCH"));
  EXPECT_THAT(change(Change::kPurge, "dead", -1), HasReason("ETAG_MISMATCH"));
  EXPECT_TRUE(change(Change::kUpsert, "none", std::nullopt).ok());
  EXPECT_TRUE(change(Change::kUpsert, "live", std::nullopt).ok());
  EXPECT_TRUE(change(Change::kPurge, "dead", std::nullopt).ok());
}

TEST_P(SessionCase, TheDatabaseCountsIdsAndGivesNoneTwice) {
  PutAuthor("1");
  std::string row;
  const auto record = Record(Book(), "author_slug: 's1' shelf: 'A' place: 1");
  ASSERT_TRUE(Apply(*writer_, {Insert(*record)}, &row).ok());
  EXPECT_THAT(row, HasSubstr("id: 1 "));
  ASSERT_TRUE(
      Apply(*writer_, {Change(repository::Change::kPurge, Book(), int64_t{1})}).ok());
  ASSERT_TRUE(Apply(*writer_, {Insert(*record)}, &row).ok());
  EXPECT_THAT(row, HasSubstr("id: 2 "));
}

// A caller who gives the greatest id there is must not stop the others' writes.
TEST_P(SessionCase, WhenIdsAreExhaustedOnlyCountedInsertsFail) {
  PutAuthor("1");
  ASSERT_TRUE(
      Put(Book(), "id: 9223372036854775807 author_slug: 's1' shelf: 'A' place: 1").ok());
  const auto counted = Record(Book(), "author_slug: 's1' shelf: 'A' place: 2");
  const auto given = Record(Book(), "id: 5 author_slug: 's1' shelf: 'A' place: 3");
  repository::Write writes[3];
  writes[0].mutations = {Insert(*given)};
  writes[1].mutations = {Insert(*counted)};
  const auto author = Record(Author(), "id: '2' name: 'x' slug: 's2'");
  writes[2].mutations = {Insert(*author)};
  repository::Write* const all[] = {&writes[0], &writes[1], &writes[2]};
  const Status status = writer_->Apply(all);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_FALSE(writes[0].failed);
  EXPECT_THAT(writes[1].outcomes[0].status, HasReason("IDS_EXHAUSTED"));
  EXPECT_FALSE(writes[2].failed);
}

TEST_P(SessionCase, ALongDisjunctionIsNoDeepExpression) {
  PutAuthor("1");
  std::vector<query::Predicate> children;
  for (int i = 0; i < 5000; ++i) {
    children.push_back(query::Predicate::Equals(Author().Find("born"), int64_t{i}));
  }
  EXPECT_THAT(Where(*writer_, Author(), query::Predicate::Or(std::move(children))), IsEmpty());
}

}  // namespace
}  // namespace storegate::test

// Which index a query is said to be served by (query/index_choice.h), against what the
// database's own plan names. Over some thousand records, with statistics: a planner reads all
// of a small table whatever its indexes are.
#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/query/index_choice.h"
#include "server/query/query_shapes.h"
#include "tests/conformance/list_case.h"
#include "tests/support/postgres.h"
#include "tests/support/postgres_server.h"

namespace storegate::test {
namespace {

using query::Engine;
using query::IndexChoice;
using Access = IndexChoice::Access;
using Sort = IndexChoice::Sort;
using schema::Field;

constexpr int kRecords = 1000;
constexpr int kPage = 51;

bool HasList(const schema::Schema& schema, const schema::Entity& entity) {
  return FindMethod(schema, entity, schema::Operation::kList) != nullptr;
}

class IndexCase : public ListCase {
 protected:
  void SetUp() override {
    ListCase::SetUp();
    engine_ = query::EngineNamed(gateway().backend().kind());
    ASSERT_TRUE(engine_.has_value());
    Result<std::unique_ptr<repository::Session>> session =
        gateway().backend().Connect(repository::Backend::Use::kRead);
    ASSERT_TRUE(session.ok());
    session_ = *std::move(session);
    chooser_ = std::make_unique<query::IndexChooser>(entity(), *engine_);
  }

  // False where the database does not say how it answers, as MongoDB's stand-ins in tests.
  bool Fill() {
    repository::Query query;
    query.entity = &entity();
    query.limit = kPage;
    const Status explained = session_->Explain(query).status();
    if (explained.reason() == "EXPLAIN_UNAVAILABLE") return false;
    EXPECT_TRUE(HasStatus(explained, Code::kOk));
    std::vector<MessagePtr> records = make().MakeMany(entity(), kRecords);
    std::vector<const Message*> sent;
    for (const MessagePtr& record : records) {
      // Another value than examples have: few values that many records have are not worth an
      // index to PostgreSQL.
      for (const Field* field : SortableFields()) {
        if (field->type != schema::Type::kEnum || !Writable(*field)) continue;
        const auto* values = field->enum_type->descriptor;
        SetValue(record.get(), *field, values->value(values->value_count() - 1)->name());
      }
      sent.push_back(record.get());
    }
    for (auto at = sent.begin(); at != sent.end();) {
      const auto end = at + std::min<ptrdiff_t>(sent.end() - at, 100);
      EXPECT_TRUE(HasStatus(store().CreateMany({at, end}).status, Code::kOk));
      at = end;
    }
    if (*engine_ == Engine::kPostgres) {
      RunSql(SharedPostgresUrl(DatabaseName(gateway().database())), "VACUUM ANALYZE");
    }
    return true;
  }

  // What the plan calls an index.
  std::string NameInPlan(const std::string& index) const {
    if (index != query::kIdKey) return index;
    switch (*engine_) {
      case Engine::kPostgres: return entity().collection + "_pkey";
      case Engine::kMongodb: return "_id_";
      case Engine::kSqlite: break;
    }
    // The rows' own order, when it is a number.
    return entity().id->type == schema::Type::kInt64 ? "" : "sqlite_autoindex_" +
                                                                entity().collection + "_1";
  }

  static bool Names(const std::string& plan, const std::string& index) {
    for (size_t at = plan.find(index); at != std::string::npos; at = plan.find(index, at + 1)) {
      const size_t end = at + index.size();
      // idx_a is no part of idx_a_b.
      if (end == plan.size() || (plan[end] != '_' && std::isalnum(plan[end]) == 0)) return true;
    }
    return false;
  }

  // Whether the plan reads a part of the index, by its first column.
  bool Bounded(const std::string& plan, const query::TableIndex& index) const {
    const std::string name = NameInPlan(index.name), column = index.columns[0].field->column;
    const size_t at = plan.find(name);
    if (!Names(plan, name) || *engine_ == Engine::kMongodb) return false;
    const std::string head = *engine_ == Engine::kSqlite ? "(" : "Index Cond: (";
    const std::string rest = plan.substr(at, plan.find("Filter", at) - at);
    return rest.find(head + column) != std::string::npos ||
           rest.find(head + "(" + column) != std::string::npos;
  }

  // Says what it should do, and fails the case where the database does something else.
  void Expect(const query::Predicate& where, const query::Order& order, bool show_deleted,
              const std::string& what) {
    repository::Query query;
    query.entity = &entity();
    query.where = where;
    query.order = order;
    query.show_deleted = show_deleted;
    query.limit = kPage;
    const Result<std::string> explained = session_->Explain(query);
    ASSERT_TRUE(HasStatus(explained.status(), Code::kOk)) << what;
    const std::string& plan = *explained;
    const IndexChoice choice = chooser_->Choose(where, order, show_deleted);
    SCOPED_TRACE(what + ": " + Describe(choice) + "\n" + plan);
    ++explained_;
    switch (choice.access) {
      case Access::kOrdered:
        // Where most of the records are ties, PostgreSQL sorts all.
        if (choice.sort == Sort::kTies && *engine_ == Engine::kPostgres &&
            !Names(plan, NameInPlan(choice.index))) {
          return;
        }
        EXPECT_TRUE(Names(plan, NameInPlan(choice.index)));
        ExpectSort(plan, choice.sort);
        return;
      case Access::kBounds: {
        const bool instead =
            !choice.in_order.empty() && Names(plan, NameInPlan(choice.in_order));
        // Or another one that begins with the same field.
        const std::vector<query::TableIndex> indexes = query::IndexesOf(entity(), *engine_);
        const Field* first =
            std::ranges::find(indexes, choice.index, &query::TableIndex::name)->columns[0].field;
        EXPECT_TRUE(instead || std::ranges::any_of(indexes, [&](const query::TableIndex& index) {
          return index.columns[0].field == first && Names(plan, NameInPlan(index.name));
        }));
        return;
      }
      case Access::kAll:
        // All of an index may be read for it, in order or since it is smaller, but no part.
        for (const query::TableIndex& index : query::IndexesOf(entity(), *engine_)) {
          EXPECT_FALSE(Bounded(plan, index)) << index.name;
        }
        return;
      case Access::kSearch:  // not of so few records; see tests/adapters/search_index_test.cc
      default: return;
    }
  }

  void ExpectSort(const std::string& plan, Sort sort) {
    if (*engine_ == Engine::kMongodb) return;
    const bool sqlite = *engine_ == Engine::kSqlite;
    const bool sorts = plan.find(sqlite ? "TEMP B-TREE" : "Sort") != std::string::npos;
    const bool ties =
        plan.find(sqlite ? "RIGHT PART OF ORDER BY" : "Incremental Sort") != std::string::npos;
    EXPECT_EQ(sorts, sort != Sort::kNone);
    if (sort != Sort::kNone) EXPECT_EQ(ties, sort == Sort::kTies);
  }

  // What lists ask by themselves, with each field that filters, and with `search`.
  void ExpectOfWhatTheSchemaDeclares() {
    for (const query::QueryShape& shape : query::DeclaredShapes(gateway().schema())) {
      if (shape.entity != &entity() || shape.method == nullptr ||
          shape.method->operation != schema::Operation::kList) {
        continue;
      }
      Expect(shape.where, shape.order, shape.show_deleted, shape.of + " " + shape.asks);
    }
  }

  // Each field that sorts, up and down, with the id behind it in either direction.
  void ExpectOfAnyOrder() {
    for (const Field* field : SortableFields()) {
      for (const std::string direction : {"", " desc"}) {
        std::vector<std::string> orders = {field->name + direction};
        if (field != entity().id) {
          orders.push_back(orders[0] + ", " + entity().id->name + direction);
        }
        for (const std::string& order : orders) {
          for (const bool show_deleted : {false, true}) {
            Expect(query::Predicate::True(), ParsedOrder(order), show_deleted, "by " + order);
          }
        }
      }
    }
  }

  // With a value that no record has, in the default order, that of the field, and of the id.
  void ExpectOfEqualityWithAnyField() {
    for (const Field* field : SortableFields()) {
      if (field->role != schema::Role::kData || field->type == schema::Type::kBool ||
          field->type == schema::Type::kEnum) {
        continue;
      }
      const query::Predicate where = query::Predicate::Equals(field, make().ScalarFor(*field));
      for (const std::string& order : {std::string(), field->name, entity().id->name}) {
        for (const bool show_deleted : {false, true}) {
          Expect(where, ParsedOrder(order), show_deleted, field->name + " = ? by " + order);
        }
      }
    }
  }

  // What implies an index' `where`, with a value of its first field that no record has.
  void ExpectOfPartialIndexes() {
    for (const schema::Index& index : entity().indexes) {
      if (index.where.empty()) continue;
      const Result<query::Template> where =
          query::Template::Parse(index.where, entity(), nullptr, nullptr);
      ASSERT_TRUE(HasStatus(where.status(), Code::kOk));
      const Field& first = *index.fields[0].field;
      const query::Predicate both = query::Predicate::And(
          {*where->Bind(nullptr), query::Predicate::Equals(&first, make().ScalarFor(first))});
      Expect(both, ParsedOrder(""), false, index.where + " AND " + first.name + " = ?");
    }
  }

  // A later page begins where the one before ended: what was passed over is not read again,
  // whatever the direction, and also where records that lack the field follow.
  void ExpectOfLaterPages() {
    for (const Field* field : SortableFields()) {
      for (const std::string direction : {"", " desc"}) {
        repository::Query query;
        query.entity = &entity();
        query.order = ParsedOrder(field->name + direction);
        query.show_deleted = true;
        query.limit = kPage;
        const IndexChoice choice = chooser_->Choose(query.where, query.order, true);
        if (choice.access != Access::kOrdered) continue;
        for (const query::SortKey& key : query.order) {
          query.after.push_back(make().ScalarFor(*key.field));
        }
        const Result<std::string> plan = session_->Explain(query);
        ASSERT_TRUE(HasStatus(plan.status(), Code::kOk)) << field->name << direction;
        SCOPED_TRACE("behind, by " + field->name + direction + "\n" + *plan);
        const std::string index = NameInPlan(choice.index);
        if (*engine_ == Engine::kSqlite) {
          const std::string by = index.empty() ? "SEARCH" : "INDEX " + index + " (";
          EXPECT_NE(plan->find(by), std::string::npos);
          EXPECT_EQ(plan->find("MULTI-INDEX"), std::string::npos);
          EXPECT_EQ(plan->find("SCAN " + entity().collection), std::string::npos);
        } else if (Names(*plan, index)) {
          EXPECT_NE(plan->find("Index Cond"), std::string::npos);
        }
      }
    }
  }

  std::optional<Engine> engine_;
  std::unique_ptr<repository::Session> session_;
  std::unique_ptr<query::IndexChooser> chooser_;
  int explained_ = 0;
};
STOREGATE_CASES(IndexCase, HasList);

TEST_P(IndexCase, ServesWhatItIsSaidTo) {
  // Over one database, since filling it takes as long as all the rest.
  if (!Fill()) return;
  ExpectOfWhatTheSchemaDeclares();
  ExpectOfAnyOrder();
  ExpectOfEqualityWithAnyField();
  ExpectOfPartialIndexes();
  ExpectOfLaterPages();
  EXPECT_GT(explained_, 0);
}

}  // namespace
}  // namespace storegate::test

// A gateway that refuses queries which no index serves: what it answers is what
// query/index_choice.h says of the kind of its database.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "server/query/index_choice.h"
#include "server/query/query_shapes.h"
#include "tests/conformance/list_case.h"

namespace storegate::test {
namespace {

bool HasList(const schema::Schema& schema, const schema::Entity& entity) {
  return FindMethod(schema, entity, schema::Operation::kList) != nullptr;
}

class UnindexedCase : public ListCase {
 protected:
  void SetUp() override {
    GatewayOptions options;
    options.service.unindexed_queries = service::Options::Unindexed::kRefuse;
    Fresh(std::move(options));
    const auto engine = query::EngineNamed(gateway().backend().kind());
    ASSERT_TRUE(engine.has_value());
    chooser_ = std::make_unique<query::IndexChooser>(entity(), *engine);
  }

  void Expect(const Status& status, bool unindexed, const std::string& what) {
    SCOPED_TRACE(what);
    if (!unindexed) {
      EXPECT_TRUE(HasStatus(status, Code::kOk));
      return;
    }
    EXPECT_TRUE(HasStatus(status, Code::kFailedPrecondition, "UNINDEXED_QUERY"));
    EXPECT_EQ(status.metadata().at("entity"), entity().full_name);
  }

  std::unique_ptr<query::IndexChooser> chooser_;
};
STOREGATE_CASES(UnindexedCase, HasList);

TEST_P(UnindexedCase, RefusesOrdersThatNoIndexGives) {
  // And answers the others, with records and without.
  make().CreatedMany(entity(), 3);
  for (const schema::Field* field : SortableFields()) {
    for (const char* direction : {"", " desc"}) {
      ListArgs args;
      args.order_by = field->name + direction;
      const bool unindexed =
          chooser_->Choose(query::Predicate::True(), ParsedOrder(args.order_by), false).unindexed();
      Expect(store().List(args).status, unindexed, "by " + args.order_by);
    }
  }
}

TEST_P(UnindexedCase, RefusesConditionsThatNoIndexServes) {
  // Of what the schema declares: each field that filters alone, and `search`. A stream is
  // refused as the list is.
  const schema::Method& list = store().method(schema::Operation::kList);
  for (const query::QueryShape& shape : query::DeclaredShapes(gateway().schema())) {
    if (shape.method != &list) continue;
    const bool unindexed =
        chooser_->Choose(shape.where, shape.order, shape.show_deleted).unindexed();
    ListArgs args;
    if (list.search != nullptr && shape.asks == list.search->name()) args.search = "example";
    for (const schema::RequestPredicate& predicate : list.predicates) {
      if (predicate.field->name() != shape.asks) continue;
      args.fill = [&shape](Message* request) { query::SetExample(request, shape.asks); };
    }
    Expect(store().List(args).status, unindexed, shape.asks);
    if (!store().Has(schema::Operation::kStream)) continue;
    const schema::Method& stream = store().method(schema::Operation::kStream);
    if (shape.asks != "nothing set" && args.search.empty() &&
        stream.request->GetDescriptor()->FindFieldByName(shape.asks) == nullptr) {
      continue;
    }
    const std::unique_ptr<StreamReader> reader = store().Stream(args);
    while (reader->Next() != nullptr) continue;
    Expect(reader->status(), unindexed, "stream, " + shape.asks);
  }
}

TEST_P(UnindexedCase, RefusesFiltersByWhatIsInThem) {
  // A key is enough; what only some of the records have an index for is not.
  const schema::Method& list = store().method(schema::Operation::kList);
  if (list.filter == nullptr) return;
  const bool counted = entity().id->type == schema::Type::kInt64;
  const std::string id =
      counted ? "id = 5" : "id = '01890a5d-ac96-774b-bcce-b302099a8057'";
  const auto ask = [&](const std::string& filter) {
    ListArgs args;
    args.order_by = entity().id->name;
    args.fill = [&](Message* request) {
      request->GetReflection()->SetString(request, list.filter, filter);
    };
    return store().List(args).status;
  };
  Expect(ask(id), false, id);
  Expect(ask(id + " OR " + id), false, "either");
  Expect(ask("NOT " + id), true, "not");
}

}  // namespace
}  // namespace storegate::test

#include "tests/model/lockstep.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "server/base/time.h"
#include "tests/support/exceptions.h"
#include "tests/support/expected.h"
#include "tests/support/mongodb.h"
#include "tests/support/postgres.h"
#include "tests/support/random_filter.h"
#include "tests/support/sqlite.h"

namespace storegate::test {
namespace {

constexpr size_t kIds = 14;         // so few that operations meet
constexpr size_t kRemembered = 25;  // operations shown before a difference

}  // namespace

using schema::Entity;
using schema::Field;
using schema::Operation;

Lockstep::Lockstep(const ModelCase& c, uint64_t seed) : entity_(FindEntity(c)) {
  // Kept, with the templates of their databases, for the cases after this one.
  static const auto* backends =
      new std::vector<BackendUnderTest>{Sqlite(), PostgresEmptied(), MongodbEmptied()};
  std::vector<Gateway*> mirrors;
  for (const BackendUnderTest& backend : *backends) {
    sides_.push_back(
        std::make_unique<Side>(backend, SchemaNamed(c.schema), &entity_, &parents_));
    if (sides_.size() > 1) mirrors.push_back(&sides_.back()->gateway);
  }
  factory_ = std::make_unique<RecordFactory>(&sides_.front()->gateway, seed, mirrors);
  for (const Field& field : entity_.fields) {
    if (!field.references) continue;
    std::vector<Value>& values = parents_[&field];
    if (field.references->entity == &entity_) continue;  // left unset
    for (const MessagePtr& parent : factory_->CreatedMany(*field.references->entity, 3)) {
      values.push_back(GetValue(*parent, *field.references->field));
    }
  }
  for (size_t i = 0; i < kIds; ++i) ids_.push_back(factory_->NewId(entity_));
  for (const Field& field : entity_.fields) {
    if (!Writable(field) || field.immutable || SelfReference(field)) continue;
    updatable_.push_back(&field);
  }
}

void Lockstep::Run(int operations) {
  for (int i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
    Step();
    if (i % 500 == 499) CompareAll();
    if (i % 3000 == 2999) Reopen();
  }
  if (!testing::Test::HasFailure()) CompareAll();
  if (!testing::Test::HasFailure()) return;
  std::string story;
  for (const std::string& line : story_) story += "  " + line + "\n";
  ADD_FAILURE() << "The last operations, the one that differs at the end:\n" << story;
}

const Entity& Lockstep::FindEntity(const ModelCase& c) {
  for (const Entity& entity : SchemaNamed(c.schema).schema->entities) {
    if (entity.name == c.entity) return entity;
  }
  std::abort();
}

bool Lockstep::SelfReference(const Field& field) const {
  return field.references && field.references->entity == &entity_;
}

void Lockstep::Note(std::string line) {
  story_.push_back(std::move(line));
  if (story_.size() > kRemembered) story_.pop_front();
}

Value Lockstep::RandomId() {
  if (!model().rows().empty() && random().Chance(50)) {
    auto row = model().rows().begin();
    const auto rows = static_cast<int64_t>(model().rows().size());
    std::advance(row, random().Between(int64_t{0}, rows - 1));
    return row->first;
  }
  return random().Pick(ids_);
}

bool Lockstep::Expect(Side& side, const Status& status, const Errors& errors) {
  std::string wanted = errors.empty() ? "OK" : "";
  for (const Wrong& wrong : errors) {
    wanted += std::string(CodeName(wrong.code)) + " " + wrong.reason + " " + wrong.where + "; ";
  }
  // Where several things are wrong, all find the same one first.
  side.Say(status);
  Note("    " + side.name + " answered " + (status.ok() ? "OK" : status.ToString()));
  bool right = errors.empty() && status.ok();
  for (const Wrong& wrong : errors) {
    std::string where;
    for (const char* key : {"fields", "field"}) {
      if (status.metadata().count(key) > 0) where = status.metadata().at(key);
    }
    right = right || (status.code() == wrong.code && status.reason() == wrong.reason &&
                      where == wrong.where);
  }
  EXPECT_TRUE(right) << side.name << ": expected " << wanted << ", is " << status.ToString();
  return right && status.ok();
}

// A batch of several may be all or none. Where not, each item is on its own, on all sides.
bool Lockstep::BatchesCanBeWhole() {
  return std::ranges::all_of(
      sides_, [](const auto& side) { return HasTransactions(side->gateway.backend()); });
}

void Lockstep::Each(const std::function<void(Side& side)>& operation) {
  for (const std::unique_ptr<Side>& side : sides_) operation(*side);
}

void Lockstep::CompareSides() {
  for (const std::unique_ptr<Side>& side : sides_) {
    EXPECT_EQ(side->said, sides_.front()->said)
        << side->name << " does not answer as " << sides_.front()->name << " does";
  }
  for (const std::unique_ptr<Side>& side : sides_) side->said.clear();
}

void Lockstep::Step() {
  // A step is a millisecond of its own, so that rows sort by their times alike.
  for (const int64_t begun = NowMillis(); NowMillis() == begun;) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  Perform();
  CompareSides();
}

void Lockstep::Perform() {
  const int64_t dice = random().Between(int64_t{1}, int64_t{100});
  if (dice <= 20 && model().rows().size() < kRowsMax) return Create();
  if (dice <= 22) return CreateWithoutId();
  if (dice <= 28 && model().rows().size() < kRowsMax) return BatchCreate();
  if (dice <= 40) return Get();
  if (dice <= 45) return BatchGet();
  if (dice <= 55) return List();
  if (dice <= 75) return Update();
  if (dice <= 87) return Delete();
  if (dice <= 94) return Undelete();
  return Purge();
}

void Lockstep::Get() {
  const Value id = RandomId();
  const bool show_deleted = CanShowDeleted(Operation::kGet) && random().Chance(40);
  Note("get " + ToText(id) + (show_deleted ? ", deleted too" : ""));
  Each([&](Side& side) {
    const Reply reply = side.store.Get(id, show_deleted);
    if (!Expect(side, reply.status, side.model.Get(id, show_deleted))) return;
    EXPECT_TRUE(SameRecord(*reply.response, *side.model.Find(id)->record)) << side.name;
  });
}

bool Lockstep::CanShowDeleted(Operation operation) {
  return store().method(operation).show_deleted != nullptr;
}

void Lockstep::BatchGet() {
  std::vector<Value> ids;
  for (int64_t i = random().Between(int64_t{0}, int64_t{8}); i > 0; --i) {
    ids.push_back(RandomId());
  }
  const bool show_deleted = CanShowDeleted(Operation::kBatchGet) && random().Chance(40);
  std::string line = show_deleted ? "batch get, deleted too" : "batch get";
  for (const Value& id : ids) line += " " + ToText(id);
  Note(line);
  Each([&](Side& side) {
    const Reply reply = side.store.BatchGet(ids, show_deleted);
    if (!Expect(side, reply.status, {})) return;
    side.SayRest(*reply.response, side.store.method(Operation::kBatchGet));
    std::vector<const Message*> got = side.store.Records(reply, Operation::kBatchGet);
    size_t next = 0;
    for (const Value& id : ids) {
      if (!side.model.Get(id, show_deleted).empty()) continue;
      ASSERT_LT(next, got.size()) << side.name << ": " << ToText(id) << " is missing";
      EXPECT_TRUE(SameRecord(*got[next++], *side.model.Find(id)->record)) << side.name;
    }
    EXPECT_EQ(next, got.size()) << side.name;
  });
}

void Lockstep::List() {
  const schema::Method& list = store().method(Operation::kList);
  ListArgs args;
  args.show_deleted = list.show_deleted != nullptr && random().Chance(40);
  args.page_size = static_cast<int>(random().Between(int64_t{1}, int64_t{15}));
  args.order_by = RandomOrder();
  args.include_total_size = list.include_total_size != nullptr && random().Chance(30);
  if (list.skip != nullptr && random().Chance(15)) {
    args.skip = random().Between(int64_t{1}, int64_t{9});
  }
  std::string filter;
  if (list.filter != nullptr && random().Chance(40)) {
    RandomFilter filters(entity_, &random());
    filters.LeaveOutMade();
    for (const auto& [id, row] : model().rows()) filters.Learn(*row.record);
    filter = filters.Any(2);
  }
  std::vector<const schema::RequestPredicate*> used;
  std::vector<Choice> choices;
  for (const schema::RequestPredicate& predicate : list.predicates) {
    if (!random().Chance(15)) continue;
    used.push_back(&predicate);
    choices.push_back(RandomPredicate(predicate.field));
  }
  Each([&](Side& side) {
    MessagePtr request(list.request->New());
    for (const Choice& choice : choices) choice(side, request.get());
    if (!filter.empty()) SetValue(request.get(), list.filter, filter);
    ListOn(side, args, used, *request);
  });
}

void Lockstep::ListOn(Side& side, ListArgs args,
                      const std::vector<const schema::RequestPredicate*>& used,
                      const Message& filter) {
  const schema::Method& list = side.store.method(Operation::kList);
  args.fill = [&](Message* request) { request->MergeFrom(filter); };
  Note("list " + side.store.ListRequest(args)->ShortDebugString());
  std::vector<query::Predicate> all;
  for (const schema::RequestPredicate* predicate : used) {
    const bool set = predicate->field->is_repeated()
                         ? filter.GetReflection()->FieldSize(filter, predicate->field) > 0
                         : filter.GetReflection()->HasField(filter, predicate->field);
    if (!set) continue;
    auto parsed = query::Template::Parse(predicate->where, entity_, list.request->GetDescriptor(),
                                         predicate->field);
    ASSERT_TRUE(parsed.ok());
    auto bound = parsed->Bind(&filter);
    ASSERT_TRUE(bound.ok()) << bound.status().ToString();
    all.push_back(*bound);
  }
  if (list.filter != nullptr) {
    const Value text = GetValue(filter, list.filter);
    if (const auto* written = std::get_if<std::string>(&text); written && !written->empty()) {
      auto parsed = query::Template::Parse(*written, entity_, nullptr, nullptr);
      ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
      all.push_back(*parsed->Bind(nullptr));
    }
  }
  auto order = query::ParseOrder(args.order_by, entity_);
  ASSERT_TRUE(order.ok()) << order.status().ToString();
  const std::vector<const Message*> expected =
      side.model.List(query::Predicate::And(std::move(all)), *order, args.show_deleted);
  const std::vector<MessagePtr> listed = side.Walk(args);
  const size_t skipped = std::min(static_cast<size_t>(args.skip), expected.size());
  ASSERT_EQ(listed.size(), expected.size() - skipped) << side.name;
  for (size_t i = 0; i < listed.size(); ++i) {
    EXPECT_TRUE(SameRecord(*listed[i], *expected[skipped + i])) << side.name << " at " << i;
  }
}

Lockstep::Choice Lockstep::RandomPredicate(const FieldDescriptor* field) {
  const Value otherwise = factory_->ScalarFor(field, Rules::default_instance(), false);
  // A value of a row where one has the field by this name; else any.
  const FieldDescriptor* own = entity_.descriptor->FindFieldByName(field->name());
  Value id;
  if (own != nullptr && own->type() == field->type() && !own->is_repeated() &&
      !model().rows().empty() && random().Chance(80)) {
    id = RandomId();
  }
  return [=](const Side& side, Message* request) {
    const Row* row = IsNull(id) ? nullptr : side.model.Find(id);
    const Value value = row != nullptr ? GetValue(*row->record, own) : Value();
    SetValue(request, field, IsNull(value) ? otherwise : value);
  };
}

std::string Lockstep::RandomOrder() {
  if (random().Chance(30)) return "";
  std::string text;
  std::set<const Field*> used;
  for (int64_t i = random().Between(int64_t{1}, int64_t{3}); i > 0; --i) {
    const Field& field = entity_.fields[static_cast<size_t>(
        random().Between(int64_t{0}, static_cast<int64_t>(entity_.fields.size()) - 1))];
    if (!field.stored() || !field.sortable() || field.input_only ||
        field.type == schema::Type::kBytes || !used.insert(&field).second) {
      continue;
    }
    text += (text.empty() ? "" : ", ") + field.name + (random().Chance(50) ? " desc" : "");
  }
  return text;
}

void Lockstep::CompareAll() {
  Note("compare all");
  ListArgs args;
  args.show_deleted = CanShowDeleted(Operation::kList);
  args.page_size = 7;
  Each([&](Side& side) {
    const std::vector<MessagePtr> listed = side.Walk(args);
    EXPECT_EQ(listed.size(), side.model.rows().size()) << side.name;
    for (const MessagePtr& record : listed) {
      const Row* row = side.model.Find(IdOf(*record, entity_));
      ASSERT_NE(row, nullptr) << side.name << ": " << record->ShortDebugString();
      EXPECT_TRUE(SameRecord(*record, *row->record)) << side.name;
    }
  });
  CompareSides();
}

void Lockstep::Reopen() {
  Note("reopen");
  Each([](Side& side) { side.gateway.Reopen(); });
  CompareAll();
}

}  // namespace storegate::test

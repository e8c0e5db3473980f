#include "tests/model/lockstep.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/support/expected.h"
#include "tests/support/sqlite.h"

namespace storegate::test {
namespace {

constexpr size_t kIds = 14;         // so few that operations meet
constexpr size_t kRemembered = 25;  // operations shown before a difference

}  // namespace

using schema::Entity;
using schema::Field;
using schema::Operation;

Lockstep::Lockstep(const ModelCase& c, uint64_t seed)
    : gateway_(Sqlite(), SchemaNamed(c.schema)),
      entity_(FindEntity(c)),
      store_(&gateway_, &entity_),
      factory_(&gateway_, seed),
      model_(&entity_, &parents_) {
  for (const Field& field : entity_.fields) {
    if (!field.references) continue;
    std::vector<Value>& values = parents_[&field];
    if (field.references->entity == &entity_) continue;  // left unset
    for (const MessagePtr& parent : factory_.CreatedMany(*field.references->entity, 3)) {
      values.push_back(GetValue(*parent, *field.references->field));
    }
  }
  for (size_t i = 0; i < kIds; ++i) ids_.push_back(factory_.NewId(entity_));
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
  for (const Entity& entity : gateway_.schema().entities) {
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
  if (!model_.rows().empty() && random().Chance(50)) {
    auto row = model_.rows().begin();
    const auto rows = static_cast<int64_t>(model_.rows().size());
    std::advance(row, random().Between(int64_t{0}, rows - 1));
    return row->first;
  }
  return random().Pick(ids_);
}

bool Lockstep::Expect(const Status& status, const Errors& errors) {
  std::string wanted = errors.empty() ? "OK" : "";
  for (const auto& [code, reason] : errors) {
    wanted += std::string(CodeName(code)) + " " + reason + "; ";
  }
  Note("    answered " + (status.ok() ? "OK" : status.ToString()));
  const bool right = errors.empty() ? status.ok()
                                    : errors.count({status.code(), status.reason()}) > 0;
  EXPECT_TRUE(right) << "expected " << wanted << ", is " << status.ToString();
  return right && status.ok();
}

void Lockstep::Step() {
  const int64_t dice = random().Between(int64_t{1}, int64_t{100});
  if (dice <= 22 && model_.rows().size() < kRowsMax) return Create();
  if (dice <= 28 && model_.rows().size() < kRowsMax) return BatchCreate();
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
  Reply reply = store_.Get(id, show_deleted);
  if (!Expect(reply.status, model_.Get(id, show_deleted))) return;
  EXPECT_TRUE(SameRecord(*reply.response, *model_.Find(id)->record));
}

bool Lockstep::CanShowDeleted(Operation operation) {
  return store_.method(operation).show_deleted != nullptr;
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
  Reply reply = store_.BatchGet(ids, show_deleted);
  if (!Expect(reply.status, {})) return;
  std::vector<const Message*> got = store_.Records(reply, Operation::kBatchGet);
  size_t next = 0;
  for (const Value& id : ids) {
    if (!model_.Get(id, show_deleted).empty()) continue;
    ASSERT_LT(next, got.size()) << ToText(id) << " is missing";
    EXPECT_TRUE(SameRecord(*got[next++], *model_.Find(id)->record));
  }
  EXPECT_EQ(next, got.size());
}

void Lockstep::List() {
  const schema::Method& list = store_.method(Operation::kList);
  ListArgs args;
  args.show_deleted = list.show_deleted != nullptr && random().Chance(40);
  args.page_size = static_cast<int>(random().Between(int64_t{1}, int64_t{15}));
  args.order_by = RandomOrder();
  MessagePtr filter(list.request->New());
  for (const schema::RequestPredicate& predicate : list.predicates) {
    if (random().Chance(15)) SetPredicate(filter.get(), predicate.field);
  }
  args.fill = [&](Message* request) { request->MergeFrom(*filter); };
  Note("list " + store_.ListRequest(args)->ShortDebugString());

  std::vector<query::Predicate> all;
  for (const schema::RequestPredicate& predicate : list.predicates) {
    const bool set = predicate.field->is_repeated()
                         ? filter->GetReflection()->FieldSize(*filter, predicate.field) > 0
                         : filter->GetReflection()->HasField(*filter, predicate.field);
    if (!set) continue;
    auto parsed = query::Template::Parse(predicate.where, entity_, list.request->GetDescriptor(),
                                         predicate.field);
    ASSERT_TRUE(parsed.ok());
    auto bound = parsed->Bind(filter.get());
    ASSERT_TRUE(bound.ok()) << bound.status().ToString();
    all.push_back(*bound);
  }
  auto order = query::ParseOrder(args.order_by, entity_);
  ASSERT_TRUE(order.ok()) << order.status().ToString();
  const std::vector<const Message*> expected =
      model_.List(query::Predicate::And(std::move(all)), *order, args.show_deleted);
  const std::vector<MessagePtr> listed = store_.ListAll(args);
  ASSERT_EQ(listed.size(), expected.size());
  for (size_t i = 0; i < listed.size(); ++i) {
    EXPECT_TRUE(SameRecord(*listed[i], *expected[i])) << "at " << i;
  }
}

void Lockstep::SetPredicate(Message* request, const FieldDescriptor* field) {
  // A value of a row where one has the field by this name; else any.
  const FieldDescriptor* own = entity_.descriptor->FindFieldByName(field->name());
  if (own != nullptr && own->type() == field->type() && !own->is_repeated() &&
      !model_.rows().empty() && random().Chance(80)) {
    if (const Row* row = model_.Find(RandomId()); row != nullptr) {
      const Value value = GetValue(*row->record, own);
      if (!IsNull(value)) return SetValue(request, field, value);
    }
  }
  SetValue(request, field, factory_.ScalarFor(field, Rules::default_instance(), false));
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
  args.show_deleted = store_.method(Operation::kList).show_deleted != nullptr;
  args.page_size = 7;
  const std::vector<MessagePtr> listed = store_.ListAll(args);
  EXPECT_EQ(listed.size(), model_.rows().size());
  for (const MessagePtr& record : listed) {
    const Row* row = model_.Find(IdOf(*record, entity_));
    ASSERT_NE(row, nullptr) << record->ShortDebugString();
    EXPECT_TRUE(SameRecord(*record, *row->record));
  }
}

void Lockstep::Reopen() {
  Note("reopen");
  gateway_.Reopen();
  CompareAll();
}

}  // namespace storegate::test

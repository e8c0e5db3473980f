// Random operations, in lockstep on the gateway and on the model. The first
// difference is printed with the operations before it and the seed; the same
// seed makes the same operations (STOREGATE_SEED).
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/model/model.h"
#include "tests/support/counts.h"
#include "tests/support/expected.h"
#include "tests/support/record_factory.h"
#include "tests/support/sqlite.h"

namespace storegate::test {
namespace {

using schema::Entity;
using schema::Field;
using schema::Operation;

constexpr size_t kIds = 14;          // so few that operations meet
constexpr size_t kRowsMax = 40;
constexpr size_t kRemembered = 25;   // operations shown before a difference

struct ModelCase {
  std::string schema;
  std::string entity;
};
void PrintTo(const ModelCase& c, std::ostream* out) { *out << c.schema << " " << c.entity; }

std::vector<ModelCase> AllCases() {
  std::vector<ModelCase> cases;
  for (const NamedSchema& schema : Schemas()) {
    for (const Entity& entity : schema.schema->entities) {
      if (Served(*schema.schema, entity)) cases.push_back({schema.name, entity.name});
    }
  }
  return cases;
}

class Lockstep {
 public:
  Lockstep(const ModelCase& c, uint64_t seed)
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
      if (Writable(field) && !field.immutable && !SelfReference(field)) updatable_.push_back(&field);
    }
  }

  void Run(int operations) {
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

 private:
  const Entity& FindEntity(const ModelCase& c) {
    for (const Entity& entity : gateway_.schema().entities) {
      if (entity.name == c.entity) return entity;
    }
    std::abort();
  }

  bool SelfReference(const Field& field) const {
    return field.references && field.references->entity == &entity_;
  }

  Random& random() { return factory_.random(); }

  void Note(std::string line) {
    story_.push_back(std::move(line));
    if (story_.size() > kRemembered) story_.pop_front();
  }

  Value RandomId() {
    if (!model_.rows().empty() && random().Chance(50)) {
      auto row = model_.rows().begin();
      std::advance(row, random().Between(int64_t{0}, static_cast<int64_t>(model_.rows().size()) - 1));
      return row->first;
    }
    return random().Pick(ids_);
  }

  // Right, wrong (of another row or time) or none.
  std::string RandomEtag(const Value& id) {
    if (entity_.etag == nullptr || random().Chance(50)) return "";
    const Row* row = model_.Find(id);
    if (row != nullptr && random().Chance(60)) return EtagOf(*row->record, entity_);
    if (old_etags_.empty()) return "";
    return random().Pick(old_etags_);
  }

  // A valid record, often with a unique value or reference that is not free.
  MessagePtr RandomRecord() {
    MessagePtr record =
        factory_.Make(entity_, {.with_id = false, .parents = &parents_});
    for (const Field& field : entity_.fields) {
      if (SelfReference(field)) record->GetReflection()->ClearField(record.get(), field.descriptor);
      if (field.references && !SelfReference(field) && random().Chance(4)) {
        SetValue(record.get(), field,
                 factory_.ScalarFor(*field.references->field));  // refers to nothing
      }
    }
    if (!model_.rows().empty() && random().Chance(30)) {
      const Row* row = model_.Find(RandomId());
      for (const schema::Index& index : entity_.indexes) {
        if (row == nullptr || index.unique == schema::Unique::kNo || !index.where.empty()) continue;
        for (const schema::IndexField& part : index.fields) {
          SetValue(record.get(), *part.field, GetValue(*row->record, *part.field));
        }
      }
    }
    return record;
  }

  // Whether the answer is what the model says. True where it was OK, as it must be.
  bool Expect(const Status& status, const Errors& errors) {
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

  // The row as it is after a write that was OK.
  void Take(const Message& answered, const Message& expected, bool deleted) {
    EXPECT_TRUE(SameData(answered, expected, entity_));
    if (entity_.etag != nullptr) {
      const std::string etag = EtagOf(answered, entity_);
      EXPECT_TRUE(all_etags_.insert(etag).second) << "an etag came again: " << etag;
    }
    if (const Row* before = model_.Find(IdOf(answered, entity_)); before != nullptr) {
      Forget(*before);
    }
    model_.Put(answered, deleted);
  }

  void Forget(const Row& row) {
    if (entity_.etag == nullptr) return;
    old_etags_.push_back(EtagOf(*row.record, entity_));
    if (old_etags_.size() > 20) old_etags_.erase(old_etags_.begin());
  }

  void Step() {
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

  void Create() {
    MessagePtr record = RandomRecord();
    if (random().Chance(80)) SetValue(record.get(), *entity_.id, RandomId());
    Note("create " + record->ShortDebugString());
    Reply reply = store_.Create(*record);
    if (!Expect(reply.status, model_.Create(*record))) return;
    MessagePtr expected = Stored(*record, entity_);
    SetValue(expected.get(), *entity_.id, IdOf(*reply.response, entity_));
    Take(*reply.response, *expected, false);
  }

  void BatchCreate() {
    std::vector<MessagePtr> records;
    std::vector<const Message*> sent;
    const bool partial = random().Chance(40);
    Note(partial ? "batch create, partial" : "batch create");
    for (int64_t i = random().Between(int64_t{1}, int64_t{4}); i > 0; --i) {
      records.push_back(RandomRecord());
      SetValue(records.back().get(), *entity_.id, RandomId());
      Note("    " + records.back()->ShortDebugString());
      sent.push_back(records.back().get());
    }
    // One after the other, on a copy.
    Model after = model_;
    std::vector<bool> right;
    Errors errors;
    for (const MessagePtr& record : records) {
      const Errors these = after.Create(*record);
      right.push_back(these.empty());
      errors.insert(these.begin(), these.end());
      if (these.empty()) after.Put(*Stored(*record, entity_), false);
    }
    Reply reply = store_.BatchCreate(sent, partial);
    if (partial) errors.clear();
    if (!Expect(reply.status, errors)) return;
    std::vector<const Message*> created = store_.Records(reply, Operation::kBatchCreate);
    size_t next = 0;
    for (size_t i = 0; i < records.size(); ++i) {
      if (!right[i]) continue;
      if (next == created.size()) {
        ADD_FAILURE() << "item " << i << " is missing";
        return;
      }
      Take(*created[next++], *Stored(*records[i], entity_), false);
    }
    EXPECT_EQ(next, created.size()) << "more were created than there should be";
  }

  void Get() {
    const Value id = RandomId();
    const bool show_deleted = CanShowDeleted(Operation::kGet) && random().Chance(40);
    Note("get " + ToText(id) + (show_deleted ? ", deleted too" : ""));
    Reply reply = store_.Get(id, show_deleted);
    if (!Expect(reply.status, model_.Get(id, show_deleted))) return;
    EXPECT_TRUE(SameRecord(*reply.response, *model_.Find(id)->record));
  }

  bool CanShowDeleted(Operation operation) {
    return store_.method(operation).show_deleted != nullptr;
  }

  void BatchGet() {
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

  void List() {
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

  void SetPredicate(Message* request, const FieldDescriptor* field) {
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

  std::string RandomOrder() {
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

  void Update() {
    MessagePtr record = RandomRecord();
    const Value id = RandomId();
    SetValue(record.get(), *entity_.id, id);
    const std::string etag = RandomEtag(id);
    if (!etag.empty()) SetValue(record.get(), *entity_.etag, etag);
    std::vector<const Field*> fields;
    std::vector<std::string> mask;
    if (random().Chance(20)) {
      mask = {"*"};
      for (const Field* field : updatable_) {
        if (!field->input_only) fields.push_back(field);
      }
      // What RandomRecord leaves unset, a self-reference, is cleared, as it was.
    } else {
      for (const Field* field : updatable_) {
        if (random().Chance(static_cast<int>(100 / updatable_.size()) + 5)) fields.push_back(field);
      }
      if (fields.empty()) fields.push_back(random().Pick(updatable_));
      for (const Field* field : fields) mask.push_back(field->name);
      // Two members of a oneof in one mask would be a question of order.
      std::set<std::string> oneofs;
      for (const Field* field : fields) {
        if (!field->oneof.empty() && !oneofs.insert(field->oneof).second) return;
      }
    }
    const bool allow_missing = random().Chance(20) &&
                               store_.method(Operation::kUpdate).allow_missing != nullptr &&
                               model_.rows().size() < kRowsMax;
    std::string line = "update [";
    for (const std::string& path : mask) line += path + " ";
    Note(line + (allow_missing ? "] or insert " : "] ") + record->ShortDebugString());
    Reply reply = store_.Update(*record, mask, allow_missing);
    if (!Expect(reply.status, model_.Update(*record, etag, fields, allow_missing))) return;
    Take(*reply.response, *model_.Updated(*record, fields), false);
  }

  void Delete() {
    const Value id = RandomId();
    DeleteArgs args;
    args.allow_missing = random().Chance(25);
    if (!args.allow_missing && store_.method(Operation::kDelete).etag != nullptr) {
      args.etag = RandomEtag(id);
    }
    Note("delete " + ToText(id) + " " + args.etag + (args.allow_missing ? " if there" : ""));
    Reply reply = store_.Delete(id, args);
    const bool there = model_.Get(id, false).empty();
    if (!Expect(reply.status, model_.Delete(id, args.etag, args.allow_missing)) || !there) return;
    if (!entity_.soft_delete()) {
      Forget(*model_.Find(id));
      return model_.Remove(id);
    }
    Reply shown = store_.Get(id, true);
    ASSERT_TRUE(HasStatus(shown.status, Code::kOk));
    EXPECT_FALSE(IsNull(GetValue(*shown.response, *entity_.delete_time)));
    Take(*shown.response, *Clone(*model_.Find(id)->record), true);
  }

  void Undelete() {
    if (!store_.Has(Operation::kUndelete)) return;
    const Value id = RandomId();
    const std::string etag = RandomEtag(id);
    Note("undelete " + ToText(id) + " " + etag);
    Reply reply = store_.Undelete(id, etag);
    if (!Expect(reply.status, model_.Undelete(id, etag))) return;
    EXPECT_TRUE(IsNull(GetValue(*reply.response, *entity_.delete_time)));
    Take(*reply.response, *Clone(*model_.Find(id)->record), false);
  }

  void Purge() {
    if (!store_.Has(Operation::kPurge)) return;
    const Value id = RandomId();
    DeleteArgs args;
    args.allow_missing = random().Chance(25);
    if (!args.allow_missing) args.etag = RandomEtag(id);
    Note("purge " + ToText(id) + " " + args.etag + (args.allow_missing ? " if there" : ""));
    Reply reply = store_.Purge(id, args);
    if (!Expect(reply.status, model_.Purge(id, args.etag, args.allow_missing))) return;
    if (const Row* row = model_.Find(id); row != nullptr) Forget(*row);
    model_.Remove(id);
  }

  void CompareAll() {
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

  void Reopen() {
    Note("reopen");
    gateway_.Reopen();
    CompareAll();
  }

  Gateway gateway_;
  const Entity& entity_;
  StoreClient store_;
  RecordFactory factory_;
  std::map<const Field*, std::vector<Value>> parents_;
  Model model_;
  std::vector<Value> ids_;
  std::vector<const Field*> updatable_;
  std::vector<std::string> old_etags_;
  std::set<std::string> all_etags_;
  std::deque<std::string> story_;
};

class LockstepCase : public testing::TestWithParam<ModelCase> {};
INSTANTIATE_TEST_SUITE_P(Model, LockstepCase, testing::ValuesIn(AllCases()),
                         [](const testing::TestParamInfo<ModelCase>& info) {
                           return info.param.schema + "_" + info.param.entity;
                         });

TEST_P(LockstepCase, AnswersAsTheModelDoes) {
  // Every answer of a random sequence of operations is what the contract on a map says.
  const uint64_t seed = Seed(20260131);
  std::printf("STOREGATE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  RecordProperty("seed", std::to_string(seed));
  Lockstep lockstep(GetParam(), seed);
  lockstep.Run(Count(20000) / 4);
}

}  // namespace
}  // namespace storegate::test

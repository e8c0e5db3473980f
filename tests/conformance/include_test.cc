// include and read_mask: what is filled into records, and what is left out of them.
#include <map>

#include "tests/conformance/list_case.h"

namespace storegate::test {
namespace {

using schema::Entity;
using schema::Field;
using schema::Operation;

bool HasParts(const schema::Schema& schema, const Entity& entity) {
  const schema::Method* get = FindMethod(schema, entity, Operation::kGet);
  return get != nullptr && get->include != nullptr;
}
bool HasReadMask(const schema::Schema& schema, const Entity& entity) {
  const schema::Method* get = FindMethod(schema, entity, Operation::kGet);
  return get != nullptr && get->read_mask != nullptr;
}

// Those of the suite, and of the schema that goes from many to many.
std::vector<Case> PartCases() {
  std::vector<Case> cases = Cases(HasParts);
  const NamedSchema& seeds = SchemaNamed("seeds");
  for (const BackendUnderTest& backend : Backends()) {
    for (const Entity& entity : seeds.schema->entities) {
      if (HasParts(*seeds.schema, entity)) cases.push_back({&backend, &seeds, &entity});
    }
  }
  return cases;
}

void AddPaths(Message* request, const FieldDescriptor* mask,
              const std::vector<std::string>& paths) {
  Message* message = request->GetReflection()->MutableMessage(request, mask);
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByNumber(1);
  for (const std::string& path : paths) message->GetReflection()->AddString(message, field, path);
}

const FieldDescriptor* MaskOf(const schema::Method& method, const std::string& name) {
  return method.request->GetDescriptor()->FindFieldByName(name);
}

class MaskCase : public ListCase {
 protected:
  // What each way of reading answers for the records, by id.
  using ById = std::map<Value, MessagePtr>;

  void Add(const Message& record, ById* to) { (*to)[Id(record)] = Clone(record); }

  Status ReadAll(Operation operation, const std::vector<Value>& ids, const std::string& mask,
                 const std::vector<std::string>& paths, ById* to) {
    const schema::Method& method = store().method(operation);
    const auto add_mask = [&](Message* request) {
      AddPaths(request, MaskOf(method, mask), paths);
    };
    switch (operation) {
      case Operation::kGet: {
        for (const Value& id : ids) {
          MessagePtr request = store().NewRequest(operation);
          SetValue(request.get(), FieldNamed(*request, "id"), id);
          add_mask(request.get());
          Reply reply = gateway().Call(method, *request);
          if (!reply.ok()) return reply.status;
          // The id may be left out of the answer.
          (*to)[id] = std::move(reply.response);
        }
        return {};
      }
      case Operation::kBatchGet: {
        MessagePtr request = store().NewRequest(operation);
        for (const Value& id : ids) SetValue(request.get(), method.ids, id);
        add_mask(request.get());
        Reply reply = gateway().Call(method, *request);
        if (!reply.ok()) return reply.status;
        return Keep(store().Records(reply, operation), ids, to);
      }
      case Operation::kList: {
        ListArgs args;
        args.page_size = 1000;
        args.order_by = "id";
        args.fill = add_mask;
        Reply reply = store().List(args);
        if (!reply.ok()) return reply.status;
        return Keep(store().Records(reply, operation), Sorted(ids), to);
      }
      default: {
        ListArgs args;
        args.order_by = "id";
        args.fill = add_mask;
        const std::vector<MessagePtr> records = store().StreamAll(args);
        std::vector<const Message*> all;
        for (const MessagePtr& record : records) all.push_back(record.get());
        return Keep(all, Sorted(ids), to);
      }
    }
  }

  static std::vector<Value> Sorted(std::vector<Value> ids) {
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  Status Keep(const std::vector<const Message*>& records, const std::vector<Value>& ids, ById* to) {
    EXPECT_EQ(records.size(), ids.size());
    for (size_t i = 0; i < std::min(records.size(), ids.size()); ++i) {
      (*to)[ids[i]] = Clone(*records[i]);
    }
    return {};
  }

  std::vector<Operation> Ways() const {
    std::vector<Operation> ways;
    for (Operation operation :
         {Operation::kGet, Operation::kBatchGet, Operation::kList, Operation::kStream}) {
      if (const_cast<MaskCase*>(this)->store().Has(operation)) ways.push_back(operation);
    }
    return ways;
  }
};

class IncludeCase : public MaskCase {
 protected:
  void Fill() {
    records_ = make().CreatedMany(entity(), 8);
    for (const Field& field : entity().fields) {
      if (field.role == schema::Role::kCount) FillReferrers(*field.count);
      if (field.role != schema::Role::kEmbed || field.presence != schema::Presence::kRepeated) {
        continue;
      }
      field.via == nullptr ? FillReferrers(*field.embed) : FillBetween(field);
    }
    records_ = Everything();
    for (const MessagePtr& record : records_) ids_.push_back(Id(*record));
  }

  // Records that refer to some of ours, many to one; one of them is deleted.
  void FillReferrers(const Field& reference) {
    std::map<const Field*, std::vector<Value>> parents;
    for (size_t i = 0; i < 4; ++i) {
      parents[&reference].push_back(GetValue(*records_[i], *reference.references->field));
    }
    MakeArgs args;
    args.all_fields = true;
    args.parents = &parents;
    const std::vector<MessagePtr> made = make().CreatedMany(*reference.entity, 12, args);
    StoreClient store = StoreOf(*reference.entity);
    if (!store.Has(Operation::kDelete)) return;
    static_cast<void>(store.Delete(IdOf(*made[0], *reference.entity)));
  }

  void FillBetween(const Field& embed) {
    const Field* there = nullptr;
    for (const Field& field : embed.via->fields) {
      if (&field != embed.embed && field.references) there = &field;
    }
    const std::vector<MessagePtr> targets = make().CreatedMany(*embed.embed_entity, 6);
    StoreClient between = StoreOf(*embed.via);
    for (size_t i = 0; i < 5; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        MessagePtr pair = NewRecord(*embed.via);
        SetValue(pair.get(), *embed.embed, GetValue(*records_[i], *embed.embed->references->field));
        SetValue(pair.get(), *there, GetValue(*targets[j], *there->references->field));
        const Reply made = between.Create(*pair);
        ASSERT_TRUE(HasStatus(made.status, Code::kOk));
        if (i == 4 && j == 0) {
          ASSERT_TRUE(between.Delete(IdOf(*made.response, *embed.via)).ok());
        }
      }
    }
    // A record that is deleted while others lead to it cannot be: it is referred to.
  }

  const std::vector<MessagePtr>& All(const Entity& other) {
    std::vector<MessagePtr>& all = all_[&other];
    if (all.empty()) {
      ListArgs args;
      args.page_size = 1000;
      all = StoreOf(other).ListAll(args);
    }
    return all;
  }

  // The living records of `other` that have `value` in `field`.
  std::vector<const Message*> With(const Field& field, const Value& value) {
    std::vector<const Message*> found;
    for (const MessagePtr& record : All(*field.entity)) {
      if (!IsNull(value) && GetValue(*record, field) == value) found.push_back(record.get());
    }
    return found;
  }

  std::vector<const Message*> ExpectedMany(const Field& embed, const Message& record) {
    const Value value = GetValue(record, *embed.embed->references->field);
    std::vector<const Message*> found = With(*embed.embed, value);
    if (embed.via != nullptr) {
      std::vector<const Message*> reached;
      for (const Message* pair : found) {
        for (const Field& field : embed.via->fields) {
          if (&field == embed.embed || !field.references) continue;
          for (const Message* to : With(*field.references->field, GetValue(*pair, field))) {
            reached.push_back(to);
          }
        }
      }
      found = reached;
    }
    const query::Order order = *query::ParseOrder(embed.embed_order_by, *embed.embed_entity);
    std::sort(found.begin(), found.end(), [&](const Message* a, const Message* b) {
      return query::CompareRecords(order, *a, *b) < 0;
    });
    if (embed.embed_limit > 0 && found.size() > static_cast<size_t>(embed.embed_limit)) {
      found.resize(static_cast<size_t>(embed.embed_limit));
    }
    return found;
  }

  // What `record` looks like with the field filled.
  void Expect(const Field& field, const Message& record, Message* expected) {
    const auto* reflection = expected->GetReflection();
    if (field.role == schema::Role::kCount) {
      const Value value = GetValue(record, *field.count->references->field);
      SetValue(expected, field, static_cast<int64_t>(With(*field.count, value).size()));
    } else if (field.presence == schema::Presence::kRepeated) {
      for (const Message* other : ExpectedMany(field, record)) {
        reflection->AddMessage(expected, field.descriptor)->CopyFrom(*other);
      }
    } else {
      const Value value = GetValue(record, *field.embed);
      for (const Message* other : With(*field.embed->references->field, value)) {
        reflection->MutableMessage(expected, field.descriptor)->CopyFrom(*other);
      }
    }
  }

  // With these fields included, each way answers what is expected.
  void Check(const std::vector<const Field*>& fields) {
    std::vector<std::string> paths;
    for (const Field* field : fields) paths.push_back(field->name);
    for (const Operation way : Ways()) {
      ById answers;
      const int64_t before = gateway().statements();
      ASSERT_TRUE(HasStatus(ReadAll(way, ids_, "include", paths, &answers), Code::kOk));
      int64_t queries = 1;
      for (const Field* field : fields) queries += field->via == nullptr ? 1 : 2;
      if (way != Operation::kGet) {
        EXPECT_LE(gateway().statements() - before, queries) << static_cast<int>(way);
      }
      for (const MessagePtr& record : records_) {
        const MessagePtr expected = Clone(*record);
        for (const Field* field : fields) Expect(*field, *record, expected.get());
        ASSERT_EQ(answers.count(Id(*record)), 1u) << static_cast<int>(way);
        EXPECT_TRUE(SameRecord(*answers[Id(*record)], *expected))
            << static_cast<int>(way) << " " << testing::PrintToString(paths);
      }
    }
  }

  std::vector<const Field*> Parts() const {
    std::vector<const Field*> parts;
    for (const Field& field : entity().fields) {
      if (!field.stored()) parts.push_back(&field);
    }
    return parts;
  }

  std::vector<MessagePtr> records_;
  std::vector<Value> ids_;
  std::map<const Entity*, std::vector<MessagePtr>> all_;
};
INSTANTIATE_TEST_SUITE_P(Suite, IncludeCase, testing::ValuesIn(PartCases()), CaseName);

TEST_P(IncludeCase, EachPartIsFilledByEveryWayOfReading) {
  // One at a time, and all of them: one query an entity and field, whatever the number of rows.
  ASSERT_NO_FATAL_FAILURE(Fill());
  for (const Field* part : Parts()) Check({part});
  Check(Parts());
}

TEST_P(IncludeCase, BelowEmbedsAgain) {
  // "owner.team" fills both; "owner.name" answers with the name alone.
  ASSERT_NO_FATAL_FAILURE(Fill());
  for (const Field* part : Parts()) {
    if (part->role != schema::Role::kEmbed) continue;
    const Entity& other = *part->embed_entity;
    for (const Field& below : other.fields) {
      if (below.input_only || below.password) continue;
      ById answers;
      ASSERT_TRUE(HasStatus(ReadAll(Operation::kList, ids_, "include",
                                    {part->name + "." + below.name}, &answers),
                            Code::kOk));
      ById plain;
      ASSERT_TRUE(HasStatus(ReadAll(Operation::kList, ids_, "include", {part->name}, &plain),
                            Code::kOk));
      for (const Value& id : ids_) {
        std::vector<const Message*> filled, whole;
        for (auto [from, to] : {std::pair(&answers, &filled), std::pair(&plain, &whole)}) {
          const Message& record = *(*from)[id];
          if (part->presence == schema::Presence::kRepeated) {
            *to = Elements(record, part->descriptor);
          } else if (record.GetReflection()->HasField(record, part->descriptor)) {
            to->push_back(&record.GetReflection()->GetMessage(record, part->descriptor));
          }
        }
        ASSERT_EQ(filled.size(), whole.size());
        for (size_t i = 0; i < filled.size(); ++i) {
          if (!below.stored()) {
            // The rest is as it is without what is below.
            const MessagePtr rest = Clone(*filled[i]);
            rest->GetReflection()->ClearField(rest.get(), below.descriptor);
            EXPECT_TRUE(SameRecord(*rest, *whole[i])) << below.name;
            continue;
          }
          const MessagePtr only = NewRecord(other);
          std::vector<const FieldDescriptor*> set;
          whole[i]->GetReflection()->ListFields(*whole[i], &set);
          for (const FieldDescriptor* field : set) {
            if (field != below.descriptor) continue;
            only->CopyFrom(*whole[i]);
            for (const FieldDescriptor* rest : set) {
              if (rest != field) only->GetReflection()->ClearField(only.get(), rest);
            }
          }
          EXPECT_TRUE(SameRecord(*filled[i], *only)) << below.name;
        }
      }
    }
  }
}

TEST_P(IncludeCase, WritesAnswerWithWhatIsIncluded) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  std::vector<std::string> paths;
  for (const Field* part : Parts()) paths.push_back(part->name);
  const MessagePtr sent = Make();
  MessagePtr request = store().CreateRequest(*sent);
  AddPaths(request.get(), MaskOf(store().method(Operation::kCreate), "include"), paths);
  Reply created = gateway().Call(store().method(Operation::kCreate), *request);
  ASSERT_TRUE(HasStatus(created.status, Code::kOk));
  records_ = Everything();
  all_.clear();
  const MessagePtr expected = Read(Id(*created.response));
  const MessagePtr record = Clone(*expected);
  for (const Field* part : Parts()) Expect(*part, *record, expected.get());
  EXPECT_TRUE(SameRecord(*created.response, *expected));

  const schema::Method& update = store().method(Operation::kUpdate);
  request.reset(update.request->New());
  request->GetReflection()->MutableMessage(request.get(), update.record)->CopyFrom(*records_[0]);
  const Field& field = AnyField();
  AddPaths(request.get(), update.update_mask, {field.name});
  AddPaths(request.get(), MaskOf(update, "include"), paths);
  Reply updated = gateway().Call(update, *request);
  ASSERT_TRUE(HasStatus(updated.status, Code::kOk));
  all_.clear();
  const MessagePtr now = Read(Id(*records_[0]));
  const MessagePtr filled = Clone(*now);
  for (const Field* part : Parts()) Expect(*part, *now, filled.get());
  EXPECT_TRUE(SameRecord(*updated.response, *filled));
}

TEST_P(IncludeCase, WrongPathsAreNamed) {
  const MessagePtr record = Created();
  const Field* part = Parts()[0];
  std::string deep = part->name;
  for (int i = 0; i < 10; ++i) deep += "." + part->name;
  for (const std::string& path :
       {std::string("nothing"), std::string(""), std::string("id"), part->name + ".nothing",
        part->name + ".", std::string("*"), std::string("id; DROP TABLE x"), deep}) {
    for (const Operation way : Ways()) {
      if (way == Operation::kStream) continue;
      ById answers;
      const Status status = ReadAll(way, {Id(*record)}, "include", {path}, &answers);
      EXPECT_TRUE(HasStatus(status, Code::kInvalidArgument, "INVALID_MASK")) << path;
      EXPECT_TRUE(Violates(status, "include")) << path;
    }
  }
}

class ReadMaskCase : public MaskCase {};
STOREGATE_CASES(ReadMaskCase, HasReadMask);

TEST_P(ReadMaskCase, AnswersHaveWhatItNamesAndNothingElse) {
  const std::vector<MessagePtr> made = make().CreatedMany(entity(), 3, {.all_fields = true});
  const std::vector<MessagePtr> records = Everything();
  const std::vector<Value> ids = Ids(records);
  for (const Field& field : entity().fields) {
    if (!field.stored() || field.input_only || field.password) continue;
    for (const Operation way : Ways()) {
      ById answers;
      ASSERT_TRUE(HasStatus(ReadAll(way, ids, "read_mask", {field.name}, &answers), Code::kOk));
      for (const MessagePtr& record : records) {
        const MessagePtr expected = Clone(*record);
        std::vector<const FieldDescriptor*> set;
        record->GetReflection()->ListFields(*record, &set);
        for (const FieldDescriptor* other : set) {
          if (other != field.descriptor) {
            expected->GetReflection()->ClearField(expected.get(), other);
          }
        }
        ASSERT_EQ(answers.count(Id(*record)), 1u);
        EXPECT_TRUE(SameRecord(*answers[Id(*record)], *expected))
            << field.name << " " << static_cast<int>(way);
      }
    }
  }
}

TEST_P(ReadMaskCase, AStarIsAllAndPagesGoOn) {
  const std::vector<MessagePtr> made = make().CreatedMany(entity(), 7);
  const std::vector<MessagePtr> records = Everything();
  ById answers;
  ASSERT_TRUE(
      HasStatus(ReadAll(Operation::kBatchGet, Ids(records), "read_mask", {"*"}, &answers), Code::kOk));
  for (const MessagePtr& record : records) {
    EXPECT_TRUE(SameRecord(*answers[Id(*record)], *record));
  }
  // The keys of the order are not in the answer, and pages go on all the same.
  ListArgs args;
  args.page_size = 2;
  args.fill = [this](Message* request) {
    AddPaths(request, MaskOf(store().method(Operation::kList), "read_mask"), {"id"});
  };
  std::vector<Value> ids = Ids(store().ListAll(args));
  EXPECT_EQ(Set(ids), Set(Ids(records)));
}

TEST_P(ReadMaskCase, WrongPathsAreNamed) {
  const MessagePtr record = Created();
  std::vector<std::string> wrong = {"nothing", "", "id.x", "id,etag", "`id`"};
  for (const Field& field : entity().fields) {
    if (field.input_only || field.password) wrong.push_back(field.name);
    if (field.nested()) wrong.push_back(field.name + ".x");
  }
  for (const std::string& path : wrong) {
    ById answers;
    const Status status = ReadAll(Operation::kGet, {Id(*record)}, "read_mask", {path}, &answers);
    EXPECT_TRUE(HasStatus(status, Code::kInvalidArgument, "INVALID_MASK")) << path;
    EXPECT_TRUE(Violates(status, "read_mask")) << path;
  }
}

}  // namespace
}  // namespace storegate::test

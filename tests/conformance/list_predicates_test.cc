#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "server/query/predicate.h"
#include "tests/conformance/list_case.h"

namespace storegate::test {
namespace {

using google::protobuf::Reflection;
using schema::Operation;

// Request values that records have, by the type that they travel as: hits.
class Pool {
 public:
  void AddAllOf(const Message& message) {
    const google::protobuf::Descriptor* type = message.GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) AddField(message, type->field(i));
  }
  void Add(const FieldDescriptor* field, Value value) {
    if (!IsNull(value)) values_[Kind(field)].push_back(std::move(value));
  }
  const std::vector<Value>& Of(const FieldDescriptor* field) { return values_[Kind(field)]; }

 private:
  static std::string Kind(const FieldDescriptor* field) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return field->message_type()->full_name();
    }
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return field->enum_type()->full_name();
    return field->type() == FieldDescriptor::TYPE_BYTES ? "bytes" : field->cpp_type_name();
  }

  void AddField(const Message& message, const FieldDescriptor* field) {
    const Reflection* reflection = message.GetReflection();
    const bool nested = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                        !IsTimestamp(field) && !IsDuration(field);
    if (nested) {
      if (field->is_repeated()) {
        for (const Message* element : Elements(message, field)) AddAllOf(*element);
      } else if (reflection->HasField(message, field)) {
        AddAllOf(reflection->GetMessage(message, field));
      }
      return;
    }
    if (!field->is_repeated()) return Add(field, GetValue(message, field));
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        const std::string text = reflection->GetRepeatedString(message, field, i);
        Add(field, field->type() == FieldDescriptor::TYPE_BYTES ? Value(Bytes{text}) : Value(text));
      }
    }
  }

  std::map<std::string, std::vector<Value>> values_;
};

// Puts a value where "a.b.c" says: into messages and Structs.
void SetPath(Message* message, const std::string& path, const Value& value) {
  const size_t dot = path.find('.');
  const FieldDescriptor* field = FieldNamed(*message, path.substr(0, dot));
  if (dot == std::string::npos) return SetValue(message, field, value);
  const std::string rest = path.substr(dot + 1);
  Message* child = message->GetReflection()->MutableMessage(message, field);
  if (child->GetDescriptor()->full_name() != "google.protobuf.Struct") {
    for (int i = 0; i < child->GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* inside = child->GetDescriptor()->field(i);
      if (!RulesOf(inside).required()) continue;
      SetValue(child, inside, std::string("needed"));
    }
    return SetPath(child, rest, value);
  }
  child->Clear();
  Message* entry =
      child->GetReflection()->AddMessage(child, child->GetDescriptor()->FindFieldByNumber(1));
  SetValue(entry, entry->GetDescriptor()->FindFieldByNumber(1), rest);
  Message* kind = entry->GetReflection()->MutableMessage(
      entry, entry->GetDescriptor()->FindFieldByNumber(2));
  SetValue(kind, kind->GetDescriptor()->FindFieldByNumber(3), value);
}

class PredicateCase : public ListCase {
 protected:
  const schema::Method& list() { return store().method(Operation::kList); }

  // Records whose values meet, and below paths too.
  void Fill() {
    std::vector<MessagePtr> records = make().MakeMany(entity(), 60);
    for (const schema::RequestPredicate& predicate : list().predicates) {
      const std::string path = predicate.where.substr(0, predicate.where.find(' '));
      if (path.find('.') == std::string::npos) continue;
      for (size_t i = 0; i < records.size(); i += 2) {
        SetPath(records[i].get(), path, std::string(i % 4 == 0 ? "this" : "it's 100%"));
      }
    }
    std::vector<const Message*> all;
    for (const MessagePtr& record : records) all.push_back(record.get());
    ASSERT_TRUE(HasStatus(store().CreateMany(all).status, Code::kOk));
    // Others that refer to other records.
    make().CreatedMany(entity(), 20, {.all_fields = true});
    records_ = Everything();
    ASSERT_GE(records_.size(), 80u);
    for (const MessagePtr& record : records_) pool_.AddAllOf(*record);
  }

  bool IsSet(const Message& request, const FieldDescriptor* field) {
    return field->is_repeated() ? request.GetReflection()->FieldSize(request, field) > 0
                                : request.GetReflection()->HasField(request, field);
  }

  std::set<Value> Expected(const Message& request) {
    std::vector<query::Predicate> all;
    for (const schema::RequestPredicate& predicate : list().predicates) {
      if (!IsSet(request, predicate.field)) continue;
      Result<query::Template> parsed = query::Template::Parse(
          predicate.where, entity(), list().request->GetDescriptor(), predicate.field);
      EXPECT_TRUE(HasStatus(parsed.status(), Code::kOk));
      Result<query::Predicate> bound = parsed->Bind(&request);
      EXPECT_TRUE(HasStatus(bound.status(), Code::kOk));
      all.push_back(*bound);
    }
    const query::Predicate where = query::Predicate::And(std::move(all));
    std::set<Value> ids;
    for (const MessagePtr& record : records_) {
      if (query::Matches(where, *record)) ids.insert(Id(*record));
    }
    return ids;
  }

  // Whether the list of this request is what the plain evaluation says; how many.
  size_t Check(const std::function<void(Message*)>& fill) {
    ListArgs args;
    args.page_size = 1000;
    args.include_total_size = true;
    args.fill = fill;
    MessagePtr request = store().ListRequest(args);
    const std::set<Value> expected = Expected(*request);
    Reply reply = gateway().Call(list(), *request);
    EXPECT_TRUE(HasStatus(reply.status, Code::kOk)) << request->ShortDebugString();
    if (!reply.ok()) return 0;
    EXPECT_EQ(Set(Ids(store().Records(reply, Operation::kList))), expected)
        << request->ShortDebugString();
    if (list().total_size != nullptr) {
      EXPECT_EQ(std::get<int64_t>(GetValue(*reply.response, list().total_size)),
                static_cast<int64_t>(expected.size()));
    }
    return expected.size();
  }

  Value RandomValue(const FieldDescriptor* field) {
    const std::vector<Value>& pool = pool_.Of(field);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
        field->type() == FieldDescriptor::TYPE_STRING && make().random().Chance(20)) {
      return make().random().Pick(HostileTexts());
    }
    if (pool.empty() || make().random().Chance(15)) {
      return make().ScalarFor(field, Rules::default_instance(), false);
    }
    return make().random().Pick(pool);
  }

  void SetRandom(Message* request, const FieldDescriptor* field) {
    int64_t count = 1;
    if (field->is_repeated()) count = make().random().Between(int64_t{1}, int64_t{3});
    for (int64_t i = 0; i < count; ++i) SetValue(request, field, RandomValue(field));
  }

  std::vector<MessagePtr> records_;
  Pool pool_;
};
STOREGATE_CASES(PredicateCase, HasPredicates);

TEST_P(PredicateCase, EachFindsWhatItSaysAndNothingElse) {
  // Each request field that filters gives exactly the records for which its predicate holds:
  // on values that records have, on others, on hostile text; some hit, some miss.
  ASSERT_NO_FATAL_FAILURE(Fill());
  for (const schema::RequestPredicate& predicate : list().predicates) {
    SCOPED_TRACE(predicate.field->name() + ": " + predicate.where);
    size_t hits = 0;
    size_t misses = 0;
    for (int i = 0; i < Count(200) || ((hits == 0 || misses == 0) && i < 400); ++i) {
      const size_t found =
          Check([&](Message* request) { SetRandom(request, predicate.field); });
      hits += found > 0 ? 1 : 0;
      misses += found < records_.size() ? 1 : 0;
    }
    EXPECT_GT(hits, 0u) << "no value of any record was found";
    EXPECT_GT(misses, 0u) << "nothing was ever filtered";
    if (predicate.field->type() != FieldDescriptor::TYPE_STRING) continue;
    for (const std::string& text : HostileTexts()) {
      Check([&](Message* request) { SetValue(request, predicate.field, text); });
    }
  }
}

TEST_P(PredicateCase, SeveralMustAllHold) {
  // Request fields that are set together all filter.
  ASSERT_NO_FATAL_FAILURE(Fill());
  for (int i = 0; i < Count(400); ++i) {
    Check([&](Message* request) {
      for (const schema::RequestPredicate& predicate : list().predicates) {
        if (make().random().Chance(30)) SetRandom(request, predicate.field);
      }
    });
  }
}

TEST_P(PredicateCase, RefusesValuesThatCannotBe) {
  // A NUL in a text and an unknown enum number in a filter are INVALID_ARGUMENT naming the field.
  for (const schema::RequestPredicate& predicate : list().predicates) {
    const FieldDescriptor* field = predicate.field;
    ListArgs args;
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      args.fill = [&](Message* request) { SetValue(request, field, std::string("a\0b", 3)); };
    } else if (field->type() == FieldDescriptor::TYPE_ENUM) {
      args.fill = [&](Message* request) { SetValue(request, field, int64_t{9999}); };
    } else if (field->type() == FieldDescriptor::TYPE_DOUBLE) {
      args.fill = [&](Message* request) { SetValue(request, field, std::nan("")); };
    } else {
      continue;
    }
    EXPECT_TRUE(Violates(store().List(args).status, field->name()));
  }
}

}  // namespace
}  // namespace storegate::test

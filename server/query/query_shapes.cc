#include "server/query/query_shapes.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "server/query/read_value.h"

namespace storegate::query {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using schema::Entity;
using schema::Field;
using schema::Index;
using schema::Method;
using schema::Operation;
using schema::Type;
using schema::Unique;

namespace {

// Texts that any field can be compared with, UUIDs too.
std::string ExampleText(int which) {
  return "01890a5d-ac96-774b-bcce-b30209" + std::string(which == 0 ? "9a8057" : "9a8058");
}
constexpr int64_t kExampleMillis = 1767225600000;  // 2026-01-01T00:00:00Z

Value Example(const Field& field, int which = 0) {
  switch (field.type) {
    case Type::kBool: return which == 0;
    case Type::kFloat:
    case Type::kDouble: return 1.5 + which;
    case Type::kEnum: {
      const int values = field.enum_type->descriptor->value_count();
      return field.enum_type->descriptor->value(std::min(1 + which, values - 1))->name();
    }
    case Type::kBytes: return Bytes{ExampleText(which)};
    case Type::kString: return ExampleText(which);
    case Type::kTimestamp: return kExampleMillis + which;
    default: return int64_t{1} + which;
  }
}

// Sets the field to a value, or a list to two.
class Setter {
 public:
  Setter(Message* message, const FieldDescriptor* field)
      : message_(message), reflection_(message->GetReflection()), field_(field) {}

  void Set() const {
    for (int which = 0; which < (field_->is_repeated() ? 2 : 1); ++which) SetOne(which);
  }

 private:
  template <typename T, typename V>
  void Put(void (Reflection::*one)(Message*, const FieldDescriptor*, T) const,
           void (Reflection::*element)(Message*, const FieldDescriptor*, T) const, V value) const {
    (reflection_->*(field_->is_repeated() ? element : one))(message_, field_, value);
  }

  void SetOne(int which) const {
    using F = FieldDescriptor;
    switch (field_->cpp_type()) {
      case F::CPPTYPE_BOOL:
        return Put(&Reflection::SetBool, &Reflection::AddBool, which == 0);
      case F::CPPTYPE_INT32:
        return Put(&Reflection::SetInt32, &Reflection::AddInt32, 1 + which);
      case F::CPPTYPE_INT64:
        return Put(&Reflection::SetInt64, &Reflection::AddInt64, 1 + which);
      case F::CPPTYPE_UINT32:
        return Put(&Reflection::SetUInt32, &Reflection::AddUInt32, 1 + which);
      case F::CPPTYPE_FLOAT:
        return Put(&Reflection::SetFloat, &Reflection::AddFloat, 1.5F + which);
      case F::CPPTYPE_DOUBLE:
        return Put(&Reflection::SetDouble, &Reflection::AddDouble, 1.5 + which);
      case F::CPPTYPE_STRING:
        return Put(&Reflection::SetString, &Reflection::AddString, ExampleText(which));
      case F::CPPTYPE_ENUM: {
        const auto* type = field_->enum_type();
        const int number = type->value(std::min(1 + which, type->value_count() - 1))->number();
        return Put(&Reflection::SetEnumValue, &Reflection::AddEnumValue, number);
      }
      case F::CPPTYPE_MESSAGE: return SetWellKnown(which);
      case F::CPPTYPE_UINT64: return;
    }
  }

  // Wrappers and Durations have their value first, Timestamps their seconds.
  void SetWellKnown(int which) const {
    Message* inner = field_->is_repeated() ? reflection_->AddMessage(message_, field_)
                                           : reflection_->MutableMessage(message_, field_);
    const FieldDescriptor* first = inner->GetDescriptor()->FindFieldByNumber(1);
    if (first == nullptr || first->is_repeated()) return;
    if (ScalarType(field_) == Type::kTimestamp) {
      return inner->GetReflection()->SetInt64(inner, first, kExampleMillis / 1000 + which);
    }
    Setter(inner, first).SetOne(which);
  }

  Message* message_;
  const Reflection* reflection_;
  const FieldDescriptor* field_;
};

std::unique_ptr<Message> RequestWith(const Method& method, const FieldDescriptor* field) {
  std::unique_ptr<Message> request(method.request->New());
  if (field != nullptr) Setter(request.get(), field).Set();
  return request;
}

Predicate Bound(const std::string& text, const Method& method, const FieldDescriptor* self,
                const Message& request) {
  if (text.empty()) return Predicate::True();
  Result<Template> parsed =
      Template::Parse(text, *method.entity, request.GetDescriptor(), self);
  if (!parsed.ok()) return Predicate::True();
  Result<Predicate> bound = parsed->Bind(&request);
  return bound.ok() ? *std::move(bound) : Predicate::True();
}

Predicate Search(const Entity& entity) {
  std::vector<Predicate> any;
  for (const Field* field : entity.searchable) {
    Predicate contains;
    contains.kind = Predicate::Kind::kContains;
    contains.path = Predicate::IsSet(field).path;
    contains.value = std::string("example");
    any.push_back(std::move(contains));
  }
  return Predicate::Or(std::move(any));
}

Predicate EqualTo(const std::vector<const Field*>& fields) {
  std::vector<Predicate> all;
  for (const Field* field : fields) all.push_back(Predicate::Equals(field, Example(*field)));
  return Predicate::And(std::move(all));
}

// As a page of records asks for what belongs to each.
Predicate OneOf(const Field& field) {
  return Predicate::In(&field, {Example(field, 0), Example(field, 1)});
}

std::string Joined(const std::vector<const Field*>& fields) {
  std::string names;
  for (const Field* field : fields) names += (names.empty() ? "" : " and ") + field->name;
  return names;
}

class Collector {
 public:
  explicit Collector(const schema::Schema& schema) : schema_(schema) {}

  std::vector<QueryShape> Run() {
    for (const schema::Store& store : schema_.stores) {
      for (const Method& method : store.methods) AddMethod(method);
    }
    for (const Entity& entity : schema_.entities) AddEntity(entity);
    return std::move(shapes_);
  }

 private:
  QueryShape& Add(std::string of, std::string asks, const Entity& entity, Predicate where) {
    QueryShape& shape = shapes_.emplace_back();
    shape.of = std::move(of);
    shape.asks = std::move(asks);
    shape.entity = &entity;
    shape.where = std::move(where);
    return shape;
  }

  void AddMethod(const Method& method) {
    const size_t before = shapes_.size();
    switch (method.operation) {
      case Operation::kGet:
      case Operation::kVerifyPassword:
        for (const Method::RequestKey& key : method.keys) {
          Add(method.full_name, Joined(key.key->fields), *method.entity,
              EqualTo(key.key->fields));
        }
        break;
      case Operation::kBatchGet:
        Add(method.full_name, method.ids->name(), *method.entity, OneOf(*method.entity->id));
        break;
      case Operation::kList:
      case Operation::kStream: AddList(method); break;
      case Operation::kAggregate: AddAggregate(method); break;
      default: break;
    }
    for (size_t i = before; i < shapes_.size(); ++i) shapes_[i].method = &method;
  }

  void AddList(const Method& method) {
    const auto add = [&](const std::string& asks, const FieldDescriptor* field, Predicate where) {
      const auto request = RequestWith(method, field);
      std::vector<Predicate> all;
      all.push_back(Bound(method.when, method, nullptr, *request));
      all.push_back(std::move(where));
      QueryShape& shape =
          Add(method.full_name, asks, *method.entity, Predicate::And(std::move(all)));
      if (Result<Order> order = ParseOrder("", *method.entity); order.ok()) {
        shape.order = *std::move(order);
      }
    };
    add("nothing set", nullptr, Predicate::True());
    for (const schema::RequestPredicate& predicate : method.predicates) {
      const auto request = RequestWith(method, predicate.field);
      add(predicate.field->name(), predicate.field,
          Bound(predicate.where, method, predicate.field, *request));
    }
    if (method.search != nullptr) {
      add(method.search->name(), method.search, Search(*method.entity));
    }
  }

  void AddAggregate(const Method& method) {
    const std::string& filter = method.aggregate->filter;
    const auto add = [&](const std::string& asks, const FieldDescriptor* field) {
      const auto request = RequestWith(method, field);
      Predicate where = Bound(filter, method, nullptr, *request);
      return Describe(Add(method.full_name, asks, *method.entity, std::move(where)).where);
    };
    const std::string nothing = add("nothing set", nullptr);
    for (int i = 0; i < method.request->GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = method.request->GetDescriptor()->field(i);
      // Others are no part of the filter.
      if (add(field->name(), field) == nothing) shapes_.pop_back();
    }
  }

  void AddEntity(const Entity& entity) {
    for (const Field& field : entity.fields) {
      if (field.count != nullptr) {
        Add(entity.full_name, "count " + field.name, *field.count->entity, OneOf(*field.count));
      }
      if (field.embed_entity != nullptr && field.embed != nullptr) AddEmbed(entity, field);
    }
    for (const Index& index : entity.indexes) {
      if (index.unique != Unique::kNo) AddUnique(entity, index);
    }
    std::set<const Field*> referrers(entity.referrers.begin(), entity.referrers.end());
    for (const Field* field : entity.referrers) {
      if (referrers.erase(field) == 0) continue;
      Add(entity.full_name, "delete, " + field->entity->name + "." + field->name, *field->entity,
          EqualTo({field}));
    }
  }

  void AddEmbed(const Entity& entity, const Field& field) {
    const std::string asks = "embed " + field.name;
    if (field.presence != schema::Presence::kRepeated) {
      Add(entity.full_name, asks, *field.embed_entity, OneOf(*field.embed->references->field));
      return;
    }
    const Entity& holder = field.via != nullptr ? *field.via : *field.embed_entity;
    QueryShape& first = Add(entity.full_name, asks, holder, OneOf(*field.embed));
    if (field.via == nullptr) {
      const auto order = ParseOrder(field.embed_order_by, holder);
      if (order.ok()) first.order = *order;
      return;
    }
    for (const Field& other : holder.fields) {
      if (&other == field.embed || !other.references ||
          other.references->entity != field.embed_entity) {
        continue;
      }
      Add(entity.full_name, asks + ", behind " + holder.name, *field.embed_entity,
          OneOf(*other.references->field));
    }
  }

  void AddUnique(const Entity& entity, const Index& index) {
    std::vector<const Field*> fields;
    for (const schema::IndexField& part : index.fields) fields.push_back(part.field);
    std::vector<Predicate> all;
    all.push_back(EqualTo(fields));
    if (!index.where.empty()) {
      Result<Template> parsed = Template::Parse(index.where, entity, nullptr, nullptr);
      if (Result<Predicate> bound = parsed.ok() ? parsed->Bind(nullptr) : parsed.status();
          bound.ok()) {
        all.push_back(*std::move(bound));
      }
    }
    QueryShape& shape = Add(entity.full_name, "unique " + Joined(fields), entity,
                            Predicate::And(std::move(all)));
    shape.show_deleted = index.unique == Unique::kAll;
  }

  const schema::Schema& schema_;
  std::vector<QueryShape> shapes_;
};

}  // namespace

void SetExample(Message* request, const std::string& field) {
  Setter(request, request->GetDescriptor()->FindFieldByName(field)).Set();
}

std::vector<QueryShape> DeclaredShapes(const schema::Schema& schema) {
  return Collector(schema).Run();
}

}  // namespace storegate::query

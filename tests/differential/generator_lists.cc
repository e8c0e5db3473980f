// Generator: lists, and paths into records.
#include <algorithm>
#include <set>
#include <string_view>

#include "tests/differential/generator.h"
#include "tests/differential/symbols.h"
#include "tests/support/random_filter.h"

namespace storegate::test {
namespace {

using schema::Field;
using Kind = schema::Operation;

// What `where` compares: names and keys, of "labels.\"a.b\" = $".
std::vector<std::string> PathOf(const std::string& where) {
  std::vector<std::string> path(1);
  for (size_t i = 0; i < where.size(); ++i) {
    if (where[i] == '"') {
      const size_t end = where.find('"', i + 1);
      path.back() = where.substr(i + 1, end - i - 1);
      i = end;
    } else if (where[i] == '.') {
      path.emplace_back();
    } else if (std::string_view(" :=!<>").find(where[i]) != std::string_view::npos) {
      break;
    } else {
      path.back().push_back(where[i]);
    }
  }
  return path;
}

Value ElementOf(const Message& message, const FieldDescriptor* field, int i) {
  const google::protobuf::Reflection* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetRepeatedBool(message, field, i);
    case FieldDescriptor::CPPTYPE_INT32:
      return int64_t{reflection->GetRepeatedInt32(message, field, i)};
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->GetRepeatedInt64(message, field, i);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->GetRepeatedDouble(message, field, i);
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = reflection->GetRepeatedString(message, field, i);
      if (field->type() == FieldDescriptor::TYPE_BYTES) return Bytes{std::move(text)};
      return text;
    }
    default:
      return Value();
  }
}

// Whether the field of a request can be that.
bool Fits(const Value& value, const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return std::holds_alternative<bool>(value);
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return std::holds_alternative<double>(value);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const std::string* name = std::get_if<std::string>(&value);
      return name != nullptr && field->enum_type()->FindValueByName(*name) != nullptr;
    }
    case FieldDescriptor::CPPTYPE_STRING:
      return field->type() == FieldDescriptor::TYPE_BYTES
                 ? std::holds_alternative<Bytes>(value)
                 : std::holds_alternative<std::string>(value);
    default:
      return std::holds_alternative<int64_t>(value);
  }
}

// What a record has there: the value, an element of the list, a key of the map or
// Struct. Null where it has nothing.
Value ValueAt(const Message& message, const std::vector<std::string>& path, size_t at,
              Random& random) {
  const google::protobuf::Descriptor* type = message.GetDescriptor();
  const google::protobuf::Reflection* reflection = message.GetReflection();
  if (type->full_name() == "google.protobuf.Value") {
    const FieldDescriptor* kind = reflection->GetOneofFieldDescriptor(message, type->oneof_decl(0));
    if (kind == nullptr) return Value();
    if (kind->name() == "struct_value") {
      return ValueAt(reflection->GetMessage(message, kind), path, at, random);
    }
    const bool scalar = kind->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE &&
                        kind->cpp_type() != FieldDescriptor::CPPTYPE_ENUM;
    return scalar && at == path.size() ? GetValue(message, kind) : Value();
  }
  const bool is_struct = type->full_name() == "google.protobuf.Struct";
  const FieldDescriptor* field =
      is_struct ? type->FindFieldByNumber(1)
                : (at < path.size() ? type->FindFieldByName(path[at++]) : nullptr);
  if (field == nullptr) return Value();
  if (field->is_repeated()) {
    const int size = reflection->FieldSize(message, field);
    if (size == 0) return Value();
    const auto any = static_cast<int>(random.Between(int64_t{0}, int64_t{size - 1}));
    if (!field->is_map()) return at == path.size() ? ElementOf(message, field, any) : Value();
    const FieldDescriptor* key = field->message_type()->map_key();
    const FieldDescriptor* value = field->message_type()->map_value();
    if (at == path.size()) {
      return GetValue(reflection->GetRepeatedMessage(message, field, any), key);
    }
    for (const Message* entry : Elements(message, field)) {
      if (GetValue(*entry, key) != Value(path[at])) continue;
      if (value->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsTimestamp(value)) {
        return at + 1 == path.size() ? GetValue(*entry, value) : Value();
      }
      return ValueAt(entry->GetReflection()->GetMessage(*entry, value), path, at + 1, random);
    }
    return Value();
  }
  const bool scalar = field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
                      IsTimestamp(field) || IsDuration(field) || IsWrapper(field);
  if (scalar) return at == path.size() ? GetValue(message, field) : Value();
  if (!reflection->HasField(message, field)) return Value();
  return ValueAt(reflection->GetMessage(message, field), path, at, random);
}

std::string QuotedKey(const std::string& key) {
  std::string quoted = "`";
  for (char c : key) quoted += c == '`' ? "``" : std::string(1, c);
  return quoted + "`";
}

}  // namespace

std::string Generator::MaskPath(const Field& field) {
  std::string path = field.name;
  if (field.descriptor->is_repeated() && !field.descriptor->is_map()) return path;
  const FieldDescriptor* at = field.descriptor;
  for (int depth = 0; depth < 4 && random().Chance(60); ++depth) {
    if (at->is_map() || (at->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                         at->message_type()->full_name() == "google.protobuf.Struct")) {
      const FieldDescriptor* entries = at->is_map() ? at : at->message_type()->FindFieldByNumber(1);
      const FieldDescriptor* key = entries->message_type()->map_key();
      if (key->type() == FieldDescriptor::TYPE_STRING) {
        path += "." + QuotedKey(values_.Key());
      } else {
        path += "." + std::to_string(Dice(-1, 3));
      }
      if (at->is_map()) {
        at = entries->message_type()->map_value();
        if (at->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return path;
      }
      continue;
    }
    if (at->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsTimestamp(at) || IsDuration(at) ||
        IsWrapper(at) || at->message_type()->file()->name() == "google/protobuf/struct.proto") {
      return path;
    }
    const google::protobuf::Descriptor* type = at->message_type();
    at = type->field(static_cast<int>(Dice(0, type->field_count() - 1)));
    path += "." + at->name();
    if (at->is_repeated() && !at->is_map()) return path;
  }
  return path;
}

std::string Generator::OrderBy(const schema::Entity& entity) {
  if (random().Chance(25)) return "";
  if (random().Chance(2)) return random().Pick<std::string>({"nothing", "id id", "id,", "id up"});
  std::string text;
  std::set<const Field*> used;
  for (int64_t i = Dice(1, 6); i > 0 && used.size() < 3; --i) {
    const Field& field = entity.fields[static_cast<size_t>(
        Dice(0, static_cast<int64_t>(entity.fields.size()) - 1))];
    if (!field.stored() || !field.sortable() || field.input_only ||
        field.role == schema::Role::kEtag || !used.insert(&field).second) {
      continue;
    }
    text += (text.empty() ? "" : ", ") + field.name + (random().Chance(50) ? " desc" : "");
  }
  return text;
}

void Generator::SetPredicate(const schema::Entity& entity,
                             const schema::RequestPredicate& predicate, Message* request) {
  const std::vector<std::string> path = PathOf(predicate.where);
  const Field* field = entity.Find(path.front());
  const bool whole = path.size() == 1;
  auto value = [&]() -> Value {
    if (IsTimestamp(predicate.field) && field != nullptr && field->role != schema::Role::kData &&
        !sequence_.empty()) {
      return TimeOf(static_cast<int>(Dice(0, static_cast<int64_t>(sequence_.size()) - 1)));
    }
    // What one of the records has, so that something is found.
    const std::vector<MessagePtr>& records = sent_[&entity].records;
    if (!records.empty() && random().Chance(65)) {
      for (int tries = 0; tries < 6; ++tries) {
        const Value of = ValueAt(*random().Pick(records), path, 0, random());
        if (Fits(of, predicate.field)) return of;
      }
    }
    const bool same = field != nullptr && whole && !field->descriptor->is_map() &&
                      field->value->cpp_type() == predicate.field->cpp_type() &&
                      field->value->type() == predicate.field->type() &&
                      field->value->message_type() == predicate.field->message_type();
    if (same && field->descriptor->is_repeated()) return values_.For(field->descriptor, true);
    if (same && !field->wrapper) return ValueFor(*field);
    return values_.ForRequest(predicate.field);
  };
  const int64_t count = predicate.field->is_repeated() ? Dice(1, 3) : 1;
  for (int64_t i = 0; i < count; ++i) SetValue(request, predicate.field, value());
}

void Generator::List(const schema::Method& method) {
  const schema::Entity& entity = *method.entity;
  // Where an earlier list stopped, after what happened since.
  std::vector<const Operation*> lists;
  for (const Operation& operation : sequence_) {
    if (operation.method == &method && !operation.to_the_end) lists.push_back(&operation);
  }
  if (method.page_token != nullptr && !lists.empty() && random().Chance(25)) {
    const Operation& before = *random().Pick(lists);
    MessagePtr request = Clone(*before.request);
    SetValue(request.get(), method.page_token, TokenOf(before.label));
    for (const FieldDescriptor* start : {method.skip, method.page}) {
      if (start != nullptr && random().Chance(98)) {
        request->GetReflection()->ClearField(request.get(), start);
      }
    }
    if (method.order_by != nullptr && random().Chance(3)) {
      SetValue(request.get(), method.order_by, OrderBy(entity));
    }
    return Add(&method, std::move(request), random().Chance(50));
  }
  MessagePtr request(method.request->New());
  auto set = [&](const FieldDescriptor* field, int percent, const Value& value) {
    if (field != nullptr && random().Chance(percent)) SetValue(request.get(), field, value);
  };
  set(method.page_size, 80, random().Pick<int64_t>({1, 2, 2, 3, 3, 5, 8, 1000, 1001}));
  set(method.page_size, 1, int64_t{-1});
  set(method.order_by, 100, OrderBy(entity));
  set(method.show_deleted, 40, true);
  set(method.include_total_size, 30, true);
  set(method.search, 15, values_.Text());
  set(method.filter, 35, Filter(entity));
  if (random().Chance(20)) {
    set(random().Chance(50) ? method.skip : method.page, 100, Dice(random().Chance(3) ? -1 : 1, 6));
  }
  for (const schema::RequestPredicate& predicate : method.predicates) {
    const auto chance = static_cast<int>(120 / method.predicates.size());
    if (random().Chance(std::min(chance, 40))) SetPredicate(entity, predicate, request.get());
  }
  Add(&method, std::move(request), random().Chance(70));
}

std::string Generator::Filter(const schema::Entity& entity) {
  RandomFilter filters(entity, &random());
  filters.LeaveOutMade();
  const std::vector<MessagePtr>& records = sent_[&entity].records;
  for (int i = 0; i < 8 && !records.empty(); ++i) filters.Learn(*random().Pick(records));
  return filters.Any(2);
}

void Generator::ListAll(const schema::Method& method) {
  MessagePtr request(method.request->New());
  if (method.show_deleted != nullptr) SetValue(request.get(), method.show_deleted, true);
  if (method.page_size != nullptr) SetValue(request.get(), method.page_size, int64_t{7});
  if (method.include_total_size != nullptr) {
    SetValue(request.get(), method.include_total_size, true);
  }
  Add(&method, std::move(request), method.page_token != nullptr);
}

}  // namespace storegate::test

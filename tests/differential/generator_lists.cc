// Generator: lists, and paths into records.
#include <set>

#include "tests/differential/generator.h"
#include "tests/differential/symbols.h"

namespace storegate::test {
namespace {

using schema::Field;
using Kind = schema::Operation;

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
  // "author_id", "labels", of "author_id = $", "labels.a : $".
  const std::string name = predicate.where.substr(0, predicate.where.find_first_of(" .:=!<>"));
  const Field* field = entity.Find(name);
  const bool whole = predicate.where[name.size()] != '.';
  auto value = [&]() -> Value {
    if (IsTimestamp(predicate.field) && field != nullptr && field->role != schema::Role::kData &&
        !sequence_.empty()) {
      return TimeOf(static_cast<int>(Dice(0, static_cast<int64_t>(sequence_.size()) - 1)));
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
  if (random().Chance(20)) {
    set(random().Chance(50) ? method.skip : method.page, 100, Dice(random().Chance(3) ? -1 : 1, 6));
  }
  for (const schema::RequestPredicate& predicate : method.predicates) {
    const auto chance = static_cast<int>(120 / method.predicates.size());
    if (random().Chance(std::min(chance, 40))) SetPredicate(entity, predicate, request.get());
  }
  Add(&method, std::move(request), random().Chance(70));
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

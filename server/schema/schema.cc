#include "server/schema/schema.h"

#include <algorithm>

#include "server/schema/sources.h"

namespace storegate::schema {

std::string_view EnumType::NameOf(int number) const {
  auto found = names.find(number);
  return found == names.end() ? std::string_view() : found->second;
}

std::optional<int> EnumType::NumberOf(std::string_view name) const {
  auto found = numbers.find(std::string(name));
  if (found == numbers.end()) return std::nullopt;
  return found->second;
}

const Shape* MessageType::Find(std::string_view name) const {
  auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

bool Field::nested() const {
  return presence == Presence::kRepeated || presence == Presence::kMap || type == Type::kStruct ||
         type == Type::kValue || type == Type::kListValue || type == Type::kMessage;
}

bool Field::sortable() const { return stored() && role != Role::kEtag && !nested(); }

const Field* Entity::Find(std::string_view field_name) const {
  auto found = std::find_if(fields.begin(), fields.end(),
                            [&](const Field& field) { return field.name == field_name; });
  return found == fields.end() ? nullptr : &*found;
}

namespace {

// REQUIRES: in order of full name.
template <typename T>
const T* FindByFullName(const std::deque<T>& sorted, std::string_view full_name) {
  auto found = std::lower_bound(
      sorted.begin(), sorted.end(), full_name,
      [](const T& item, std::string_view name) { return item.full_name < name; });
  return found == sorted.end() || found->full_name != full_name ? nullptr : &*found;
}

}  // namespace

Schema::Schema() : sources_(std::make_unique<Sources>()) { pool = &sources_->pool; }
Schema::~Schema() = default;

std::vector<const Entity*> Schema::AllEntities() const {
  std::vector<const Entity*> all;
  for (const Entity& entity : entities) all.push_back(&entity);
  return all;
}

const Entity* Schema::FindEntity(std::string_view full_name) const {
  return FindByFullName(entities, full_name);
}

const Store* Schema::FindStore(std::string_view full_name) const {
  return FindByFullName(stores, full_name);
}

const Method* Schema::FindMethod(std::string_view path) const {
  auto found = methods_by_path_.find(path);
  return found == methods_by_path_.end() ? nullptr : found->second;
}

}  // namespace storegate::schema

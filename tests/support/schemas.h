// The schemas that every case runs over, loaded the way --proto loads them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/schema/schema.h"

namespace storegate::test {

struct NamedSchema {
  std::string name;  // "shop", "org", "types"
  const schema::Schema* schema = nullptr;
};

// Loaded once and kept until the process ends. A schema that does not load ends
// the process with its diagnostics: no test could run.
const std::vector<NamedSchema>& Schemas();
// Of these, or one of those that few cases are about: "seeds".
const NamedSchema& SchemaNamed(std::string_view name);

// The method of the store of `entity` that does `operation`; null when no store
// has one. Tests find methods so, never by name.
const schema::Method* FindMethod(const schema::Schema& schema, const schema::Entity& entity,
                                 schema::Operation operation);

// Whether a store serves the entity.
bool Served(const schema::Schema& schema, const schema::Entity& entity);

}  // namespace storegate::test

// Two versions of a schema, out of what their entities are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/schema/loader.h"

namespace storegate::migrate {

// `messages` are entities (and enums); each of `entities` gets a store.
inline std::unique_ptr<const schema::Schema> SchemaOf(const std::string& messages,
                                                      const std::vector<std::string>& entities) {
  std::string proto =
      "syntax = \"proto3\";\npackage a.v1;\n"
      "import \"google/protobuf/timestamp.proto\";\nimport \"storegate/v1/schema.proto\";\n" +
      messages;
  for (const std::string& entity : entities) {
    std::string field = entity;
    field[0] = static_cast<char>(field[0] - 'A' + 'a');
    proto += "message Create" + entity + "Request { " + entity + " " + field + " = 1; }\n";
    proto += "service " + entity + "Store { rpc Create" + entity + "(Create" + entity +
             "Request) returns (" + entity + "); }\n";
  }
  schema::LoadResult loaded = schema::LoadEmbedded({{"a.proto", proto}});
  for (const schema::Diagnostic& diagnostic : loaded.diagnostics) {
    ADD_FAILURE() << diagnostic.ToString();
  }
  return std::move(loaded.schema);
}

// One entity, Book, of these fields besides its id (number 1).
inline std::unique_ptr<const schema::Schema> BookOf(const std::string& fields,
                                                    const std::string& others = "",
                                                    std::vector<std::string> more = {}) {
  more.emplace_back("Book");
  return SchemaOf(others + "message Book {\n  option (storegate.v1.entity) = {};\n" +
                      "  string id = 1;\n" + fields + "}\n",
                  more);
}

inline std::vector<const schema::Entity*> EntitiesOf(const schema::Schema& schema) {
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : schema.entities) entities.push_back(&entity);
  return entities;
}

}  // namespace storegate::migrate

#include "tests/support/schemas.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "server/schema/loader.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

namespace fs = std::filesystem;

const schema::Schema* Load(const std::string& name, const fs::path& directory) {
  schema::LoadResult result = schema::LoadDirectory(directory.string());
  if (result.schema != nullptr) return result.schema.release();
  std::fprintf(stderr, "The schema \"%s\" does not load:\n", name.c_str());
  for (const schema::Diagnostic& diagnostic : result.diagnostics) {
    std::fprintf(stderr, "  %s\n", diagnostic.ToString().c_str());
  }
  std::exit(1);
}

}  // namespace

const std::vector<NamedSchema>& Schemas() {
  static const std::vector<NamedSchema>* schemas = [] {
    const fs::path source = STOREGATE_SOURCE_DIR;
    // proto/ also holds what the gateway itself speaks; a user's directory has
    // only the user's own files.
    TempDir shop;
    fs::copy(source / "proto" / "shop", shop.path() / "shop", fs::copy_options::recursive);
    return new std::vector<NamedSchema>{
        {"shop", Load("shop", shop.path())},
        {"org", Load("org", source / "tests" / "protos" / "org")},
        {"types", Load("types", source / "tests" / "protos" / "types")},
    };
  }();
  return *schemas;
}

const NamedSchema& SchemaNamed(std::string_view name) {
  static const std::vector<NamedSchema>* others = [] {
    const fs::path seeds = fs::path(STOREGATE_SOURCE_DIR) / "tests" / "protos" / "seeds";
    return new std::vector<NamedSchema>{{"seeds", Load("seeds", seeds)}};
  }();
  for (const std::vector<NamedSchema>* schemas : {&Schemas(), others}) {
    for (const NamedSchema& schema : *schemas) {
      if (schema.name == name) return schema;
    }
  }
  std::fprintf(stderr, "no schema named %s\n", std::string(name).c_str());
  std::abort();
}

const schema::Method* FindMethod(const schema::Schema& schema, const schema::Entity& entity,
                                 schema::Operation operation) {
  for (const schema::Store& store : schema.stores) {
    if (store.entity != &entity) continue;
    for (const schema::Method& method : store.methods) {
      if (method.operation == operation) return &method;
    }
  }
  return nullptr;
}

bool Served(const schema::Schema& schema, const schema::Entity& entity) {
  return FindMethod(schema, entity, schema::Operation::kCreate) != nullptr &&
         FindMethod(schema, entity, schema::Operation::kGet) != nullptr;
}

}  // namespace storegate::test

#include "server/cmd/schema_command.h"

#include <memory>
#include <vector>

#include "server/base/text.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/gateway.h"
#include "server/migrate/generator.h"

namespace storegate::cmd {
namespace {

std::string Counted(size_t number, std::string_view one, std::string_view many) {
  return std::to_string(number) + " " + std::string(number == 1 ? one : many);
}

}  // namespace

int CheckSchema(const Config& config, std::ostream& out, std::ostream& errors) {
  std::unique_ptr<const schema::Schema> schema = LoadSchema(config, errors);
  if (schema == nullptr) return 1;
  for (const schema::Store& store : schema->stores) {
    out << store.full_name << ": " << store.entity->full_name << " in "
        << store.entity->collection << ", "
        << Counted(store.entity->stored.size(), "field", "fields") << ", "
        << Counted(store.entity->indexes.size(), "index", "indexes") << ", "
        << Counted(store.methods.size(), "method", "methods") << "\n";
  }
  out << "no mistakes in " << Counted(schema->stores.size(), "store", "stores") << " and "
      << Counted(schema->entities.size(), "entity", "entities") << "\n";
  return 0;
}

int PrintDdl(const Config& config, const std::string& dialect, std::ostream& out,
             std::ostream& errors) {
  const migrate::Generator* generator = FindGenerator(dialect);
  if (generator == nullptr) {
    errors << "storegate: --dialect: there is no dialect " << Quoted(dialect)
           << "; known are " << GeneratorNames() << "\n";
    return 2;
  }
  std::unique_ptr<const schema::Schema> schema = LoadSchema(config, errors);
  if (schema == nullptr) return 1;
  out << generator->CreateAll(schema->AllEntities());
  return 0;
}

}  // namespace storegate::cmd

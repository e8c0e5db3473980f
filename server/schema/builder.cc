#include "server/schema/builder.h"

#include <algorithm>
#include <tuple>

#include "server/schema/sources.h"

namespace storegate::schema {

LoadResult Builder::Load(ProtoFiles* files) {
  LoadResult result;
  auto schema = std::make_unique<Schema>();
  std::vector<const FileDescriptor*> added;
  bool built = files->Build(&schema->sources_->pool, &added, &schema->files);
  result.diagnostics = std::move(files->diagnostics());
  if (built) Builder(schema.get(), &result.diagnostics).Build(added);
  auto order = [](const Diagnostic& d) { return std::tie(d.file, d.line, d.column, d.message); };
  std::stable_sort(result.diagnostics.begin(), result.diagnostics.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return order(a) < order(b); });
  auto same = [&](const Diagnostic& a, const Diagnostic& b) { return order(a) == order(b); };
  result.diagnostics.erase(
      std::unique(result.diagnostics.begin(), result.diagnostics.end(), same),
      result.diagnostics.end());
  if (result.diagnostics.empty()) result.schema = std::move(schema);
  return result;
}

void Builder::Build(const std::vector<const FileDescriptor*>& files) {
  FindEntities(files);
  MakeEntities();
  CheckCollections();
  for (Entity& entity : schema_->entities) AddFields(&entity);
  FillMessageTypes();
  for (Entity& entity : schema_->entities) ResolveReferences(&entity);
  InheritRules();  // before the indexes: how long a reference can be
  for (Entity& entity : schema_->entities) AddIndexes(&entity);
  for (Entity& entity : schema_->entities) ResolveEmbeds(&entity);
  AddStores();
  FillMessageTypes();  // of computed rows
  CheckUnusedRules(files);
}

void Builder::Error(const Location& where, std::string message) {
  diagnostics_->push_back({where.file, where.line, where.column, std::move(message)});
}

}  // namespace storegate::schema

#include "server/cmd/natives.h"

#include <vector>

#include "server/cmd/backend_kinds.h"

namespace storegate::cmd {
namespace {

// What is wrong with the query there; empty: nothing.
std::string WhyNot(const schema::Native& native, const BackendKind& kind) {
  const std::string& text = native.*kind.native;
  if (text.empty()) {
    return "has no native query for " + std::string(kind.name) + ", where its store lives; add " +
           std::string(kind.native_option) + ": \"…\" to (storegate.v1.native), or route the store "
           "elsewhere";
  }
  const Status checked = kind.check_native == nullptr ? Status() : kind.check_native(text);
  return checked.ok() ? "" : checked.message();
}

}  // namespace

Status CheckNatives(const Config& config, const schema::Schema& schema,
                    const Placement& placement) {
  std::vector<Violation> mistakes;
  for (const schema::Store& store : schema.stores) {
    const auto home = placement.database_of.find(store.entity);
    if (home == placement.database_of.end()) continue;
    const BackendKind* kind = FindBackendKind(config.databases.at(home->second));
    if (kind == nullptr) continue;  // whoever opens it says so
    for (const schema::Method& method : store.methods) {
      if (method.native == nullptr) continue;
      std::string why = WhyNot(*method.native, *kind);
      if (!why.empty()) mistakes.push_back({method.full_name, std::move(why)});
    }
  }
  if (mistakes.empty()) return {};
  Status status(Code::kInvalidArgument, "INVALID_CONFIG",
                "native queries do not fit the databases that they are put to");
  for (Violation& mistake : mistakes) {
    status.WithViolation(std::move(mistake.field), std::move(mistake.description));
  }
  return status;
}

}  // namespace storegate::cmd

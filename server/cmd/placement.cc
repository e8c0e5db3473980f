#include "server/cmd/placement.h"

#include <vector>

#include "server/base/text.h"

namespace storegate::cmd {
namespace {

constexpr std::string_view kMain = "main";

template <typename Items, typename Name>
std::string Join(const Items& items, Name name) {
  std::string out;
  for (const auto& item : items) {
    if (!out.empty()) out += ", ";
    out += name(item);
  }
  return out;
}

struct Placed {
  std::string database;
  const schema::Store* store;  // the one that says so
};

}  // namespace

Result<Placement> PlaceEntities(const Config& config, const schema::Schema& schema) {
  std::vector<Violation> mistakes;
  std::string configured =
      Join(config.databases, [](const auto& database) { return database.first; });
  for (const auto& [store, database] : config.routes) {
    if (schema.FindStore(store) == nullptr) {
      std::string known = Join(schema.stores, [](const auto& each) { return each.full_name; });
      mistakes.push_back(
          {"routes." + store, "the schema has no store " + Quoted(store) + "; it has " + known});
    }
  }

  auto without_main = [&configured](const std::string& what) {
    return Violation{"databases.main",
                     what + " has no route and there is no database main; configured are " +
                         configured + "; add main, or a route"};
  };
  const std::string home =
      config.databases.size() == 1 ? config.databases.begin()->first : std::string(kMain);
  bool has_home = config.databases.count(home) != 0;

  std::map<const schema::Entity*, Placed> placed;
  for (const schema::Store& store : schema.stores) {
    auto route = config.routes.find(store.full_name);
    bool routed = route != config.routes.end();
    bool preferred = !routed && config.databases.count(store.database) != 0;
    if (!routed && !preferred && !has_home) {
      mistakes.push_back(without_main("store " + store.full_name));
      continue;
    }
    std::string database = routed ? route->second : preferred ? store.database : home;
    auto [first, added] = placed.emplace(store.entity, Placed{database, &store});
    if (!added && first->second.database != database) {
      mistakes.push_back({"routes." + store.full_name,
                          "serves " + store.entity->full_name + " from database " +
                              Quoted(database) + ", but " + first->second.store->full_name +
                              " serves it from " + Quoted(first->second.database) +
                              "; stores of one entity need the same database"});
    }
  }

  Placement placement;
  for (const schema::Entity& entity : schema.entities) {
    auto found = placed.find(&entity);
    if (found != placed.end()) {
      placement.database_of[&entity] = found->second.database;
    } else if (has_home) {
      placement.database_of[&entity] = home;
    } else if (mistakes.empty()) {
      mistakes.push_back(without_main("entity " + entity.full_name));
    }
  }
  if (!mistakes.empty()) {
    Status status(Code::kInvalidArgument, "INVALID_CONFIG", "the routes do not fit the schema");
    for (Violation& mistake : mistakes) {
      status.WithViolation(std::move(mistake.field), std::move(mistake.description));
    }
    return status;
  }

  for (const auto& [entity, database] : placement.database_of) {
    std::string& name = placement.default_database;
    if (database == kMain || name.empty() || (name != kMain && database < name)) name = database;
  }
  if (placement.default_database.empty()) {
    placement.default_database = config.databases.begin()->first;
  }
  return placement;
}

}  // namespace storegate::cmd

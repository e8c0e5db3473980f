#include "server/cmd/config.h"

#include <algorithm>
#include <set>

#include "server/base/text.h"
#include "server/cmd/config_file.h"
#include "server/cmd/config_keys.h"
#include "server/schema/names.h"

extern char** environ;

namespace storegate::cmd {
namespace {

constexpr std::string_view kPrefix = "STOREGATE_";
constexpr std::string_view kDatabases = "databases.";
constexpr std::string_view kRoutes = "routes.";
constexpr std::string_view kMigrationUrls = "migration_urls.";
// Maps of a database's name to a URL: key, and what their variables begin with.
constexpr std::pair<std::string_view, std::string_view> kUrlMaps[] = {
    {kDatabases, "STOREGATE_DATABASES_"}, {kMigrationUrls, "STOREGATE_MIGRATION_URLS_"}};

// Keys of which one is given.
using Either = std::pair<std::string_view, std::string_view>;
constexpr Either kSchemaKeys = {"proto", "descriptor_set"};
constexpr Either kTableKeys = {"create_tables", "migrations"};

bool IsStoreName(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.back() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
         });
}

bool IsUrl(std::string_view url) {
  size_t colon = url.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == url.size()) return false;
  return std::all_of(url.begin(), url.begin() + colon, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+';
  });
}

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// What Kubernetes puts into the environment of every pod for a service that is
// called storegate: STOREGATE_SERVICE_HOST, STOREGATE_PORT_7600_TCP_ADDR …
bool IsServiceLink(std::string_view name) {
  name.remove_prefix(kPrefix.size());
  return name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_HOST") ||
         name.starts_with("SERVICE_PORT");
}

// The file's own name, and the variables that the project's tests and scripts
// share with the servers they start.
bool IsOther(std::string_view name) {
  for (std::string_view other : {"STOREGATE_CONFIG", "STOREGATE_LONG", "STOREGATE_SEED",
                                 "STOREGATE_BUILD", "STOREGATE_BIN", "STOREGATE_TOOLS", "STOREGATE_NODE",
                                 "STOREGATE_MONGO_JAVA", "STOREGATE_POSTGRES_BIN"}) {
    if (name == other) return true;
  }
  return false;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Takes settings layer by layer; the later one wins.
class Merger {
 public:
  explicit Merger(std::vector<Violation>* mistakes) : mistakes_(mistakes) {}

  void Apply(const Setting& setting) {
    std::string_view key = setting.key;
    if (key.starts_with(kDatabases)) {
      return ApplyUrl(setting, key.substr(kDatabases.size()), &config_.databases);
    }
    if (key.starts_with(kMigrationUrls)) {
      return ApplyUrl(setting, key.substr(kMigrationUrls.size()), &config_.migration_urls);
    }
    if (key.starts_with(kRoutes)) return ApplyRoute(setting);
    const ConfigKey* known = FindConfigKey(key);
    if (known == nullptr) return Unknown(setting);
    if (!known->set(setting.text, &config_)) {
      std::string given = known->secret ? "" : "; got " + Quoted(setting.text);
      return Mistake(setting, "must be " + known->allowed + given);
    }
    set_[setting.key] = setting;
    for (const auto& [one, other] : {kSchemaKeys, kTableKeys}) {
      if (key == one) Replace(other, setting.layer);
      if (key == other) Replace(one, setting.layer);
    }
  }

  void Mistake(const Setting& setting, const std::string& what) {
    mistakes_->push_back({setting.key, setting.source + ": " + what});
  }

  void Unknown(const Setting& setting) {
    // What is known beside it: the keys of the same map.
    std::string_view key = setting.key;
    size_t dot = key.find('.');
    std::string prefix(dot == std::string_view::npos ? "" : key.substr(0, dot + 1));
    std::string known = Known(prefix);
    if (known.empty()) known = Known("");
    Mistake(setting, "unknown key; known are " + known);
  }

  // What no single value shows.
  Config Finish() {
    CheckTogether(kSchemaKeys, config_.proto_dir, config_.descriptor_set);
    if (!IsLoopback(config_.rpc.host) && !config_.insecure) {
      mistakes_->push_back(
          {"listen", Source("listen") + ": " + Quoted(config_.Listen()) +
                         " is not a loopback address and this build serves plaintext; allow it "
                         "with --insecure, or listen on 127.0.0.1"});
    }
    if (config_.databases.empty()) config_.databases["main"] = "sqlite:storegate.db";
    CheckTogether(kTableKeys, config_.create_tables ? "true" : "", config_.migrations);
    for (const auto& [store, database] : config_.routes) {
      CheckDatabase(std::string(kRoutes) + store, database);
    }
    for (const auto& [database, url] : config_.migration_urls) {
      CheckDatabase(std::string(kMigrationUrls) + database, database);
    }
    return std::move(config_);
  }

 private:
  void CheckDatabase(const std::string& key, const std::string& database) {
    if (config_.databases.count(database) != 0) return;
    std::string names;
    for (const auto& [name, url] : config_.databases) names += (names.empty() ? "" : ", ") + name;
    mistakes_->push_back({key, Source(key) + ": there is no database " + Quoted(database) +
                                   "; configured are " + names});
  }

  void ApplyUrl(const Setting& setting, std::string_view name,
                std::map<std::string, std::string>* urls) {
    if (!schema::IsDatabaseName(name)) {
      return Mistake(setting,
                     "the name of a database must be lower case letters, digits, _ and -, a letter "
                     "first, at most 40 bytes; got " + Quoted(name));
    }
    // Not quoted: what is no URL may still hold a password.
    if (!IsUrl(setting.text)) {
      return Mistake(setting, "must be a URL as sqlite:PATH; what was given has no scheme");
    }
    (*urls)[std::string(name)] = setting.text;
    set_[setting.key] = setting;
  }

  void ApplyRoute(const Setting& setting) {
    std::string store = setting.key.substr(kRoutes.size());
    if (!IsStoreName(store)) {
      return Mistake(setting, "must be the full name of a store; got " + Quoted(store));
    }
    if (!schema::IsDatabaseName(setting.text)) {
      return Mistake(setting, "must be the name of a database; got " + Quoted(setting.text));
    }
    config_.routes[store] = setting.text;
    set_[setting.key] = setting;
  }

  void CheckTogether(const Either& keys, const std::string& a_value, const std::string& b_value) {
    if (a_value.empty() || b_value.empty()) return;
    const std::string a(keys.first), b(keys.second);
    mistakes_->push_back({b, Source(b) + ": cannot be given together with " + a + " (" + Source(a) +
                                 "); give one of them"});
  }

  // What a lower layer says of `key` does not count: one that excludes it is given above.
  void Replace(std::string_view key, Setting::Layer by) {
    const auto found = set_.find(std::string(key));
    if (found == set_.end() || found->second.layer >= by) return;
    if (key == "proto") config_.proto_dir.clear();
    if (key == "descriptor_set") config_.descriptor_set.clear();
    if (key == "create_tables") config_.create_tables = false;
    if (key == "migrations") config_.migrations.clear();
  }

  std::string Source(const std::string& key) const {
    auto found = set_.find(key);
    return found == set_.end() ? "default" : found->second.source;
  }

  static std::string Known(std::string_view prefix) {
    std::string known;
    auto add = [&known](std::string_view name) {
      if (!known.empty()) known += ", ";
      known += name;
    };
    bool limits = false;
    for (const ConfigKey& key : ConfigKeys()) {
      if (!prefix.empty() && !key.name.starts_with(prefix)) continue;
      size_t dot = key.name.find('.');
      if (!prefix.empty() || dot == std::string::npos) {
        add(key.name);
      } else if (!std::exchange(limits, true)) {
        add(key.name.substr(0, dot));
      }
    }
    if (prefix.empty()) add("databases"), add("routes"), add("migration_urls");
    return known;
  }

  Config config_;
  std::map<std::string, Setting> set_;  // by key
  std::vector<Violation>* mistakes_;
};

// STOREGATE_ROUTES=a.v1.XStore=main,a.v1.YStore=events
void SplitRoutes(const std::string& variable, std::string_view text,
                 std::vector<Setting>* settings, std::vector<Violation>* mistakes) {
  std::string source = "environment variable " + variable;
  std::set<std::string> seen;
  while (!text.empty()) {
    size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      mistakes->push_back({"routes", source + ": must be STORE=DATABASE, several joined by commas; "
                                              "got " + Quoted(item)});
      continue;
    }
    std::string key = std::string(kRoutes) + std::string(item.substr(0, equals));
    if (!seen.insert(key).second) {
      mistakes->push_back({key, source + ": given twice"});
      continue;
    }
    settings->push_back({key, std::string(item.substr(equals + 1)), source});
  }
}

// An empty variable counts as not set: that is how container tools pass "none".
std::vector<Setting> FromEnvironment(const Environment& environment,
                                     std::vector<Violation>* mistakes) {
  std::map<std::string, std::string> keys = {{"DATABASE_URL", "databases.main"},
                                             {"MONGODB_URI", "databases.mongo"}};
  for (const ConfigKey& key : ConfigKeys()) keys[key.EnvironmentName()] = key.name;

  std::vector<Setting> settings;
  std::map<std::string, std::string> seen;  // key → variable
  for (const auto& [variable, value] : environment) {
    std::string key;
    auto known = keys.find(variable);
    std::string_view database = variable;
    const auto* map = std::ranges::find_if(
        kUrlMaps, [&](const auto& each) { return database.starts_with(each.second); });
    if (known != keys.end()) {
      key = known->second;
    } else if (map != std::end(kUrlMaps)) {
      key = std::string(map->first) + Lower(database.substr(map->second.size()));
    } else if (variable == "STOREGATE_ROUTES") {
      SplitRoutes(variable, value, &settings, mistakes);
      continue;
    } else if (!database.starts_with(kPrefix) || IsServiceLink(database) || IsOther(database)) {
      continue;
    } else {
      std::string names = "STOREGATE_CONFIG, STOREGATE_DATABASES_<NAME>, "
                          "STOREGATE_MIGRATION_URLS_<NAME>, STOREGATE_ROUTES";
      for (const ConfigKey& each : ConfigKeys()) names += ", " + each.EnvironmentName();
      mistakes->push_back(
          {variable, "environment variable " + variable + ": unknown; known are " + names});
      continue;
    }
    if (value.empty()) continue;
    auto [first, added] = seen.emplace(key, variable);
    if (!added && environment.at(first->second) != value) {
      mistakes->push_back({key, "environment variable " + variable + ": " + first->second +
                                    " gives it another value; set one of them"});
      continue;
    }
    settings.push_back({key, value, "environment variable " + variable});
  }
  return settings;
}

std::string FlagSource(const std::string& key) {
  if (key.starts_with(kDatabases)) return "flag --database";
  if (key.starts_with(kRoutes)) return "flag --route";
  if (key.starts_with(kMigrationUrls)) return "flag --migration-url";
  const ConfigKey* known = FindConfigKey(key);
  return "flag " + (known == nullptr ? "--" + key : known->FlagName());
}

}  // namespace

std::string Config::Listen() const {
  bool v6 = rpc.host.find(':') != std::string::npos;
  return (v6 ? "[" + rpc.host + "]" : rpc.host) + ":" + std::to_string(rpc.port);
}

Environment ProcessEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

Result<Config> LoadConfig(const std::string& yaml_path, const Flags& flags,
                          const Environment& environment) {
  std::vector<Violation> mistakes;
  std::vector<Setting> settings;
  if (!yaml_path.empty()) {
    Status read = ReadConfigFile(yaml_path, &settings, &mistakes);
    if (!read.ok()) return read;
  }
  for (Setting& setting : FromEnvironment(environment, &mistakes)) {
    setting.layer = Setting::Layer::kEnvironment;
    settings.push_back(std::move(setting));
  }
  std::set<std::string> given;
  for (const auto& [key, text] : flags) {
    if (!given.insert(key).second) {
      mistakes.push_back({key, FlagSource(key) + ": given twice"});
      continue;
    }
    settings.push_back({key, text, FlagSource(key), Setting::Layer::kFlag});
  }

  Merger merger(&mistakes);
  for (const Setting& setting : settings) merger.Apply(setting);
  Config config = merger.Finish();
  if (mistakes.empty()) return config;

  Status status(Code::kInvalidArgument, "INVALID_CONFIG",
                mistakes.size() == 1
                    ? "the configuration has a mistake"
                    : "the configuration has " + std::to_string(mistakes.size()) + " mistakes");
  for (Violation& mistake : mistakes) {
    status.WithViolation(std::move(mistake.field), std::move(mistake.description));
  }
  return status;
}

std::string RedactUrl(std::string_view url) {
  std::string out(url);
  size_t slashes = out.find("://");
  if (slashes != std::string::npos) {
    // A password may hold '/', '?' and '@' where somebody forgot to escape them:
    // all up to the last '@' goes, before anything else is looked at.
    size_t begin = slashes + 3;
    size_t at = out.rfind('@');
    if (at != std::string::npos && at >= begin) out.erase(begin, at + 1 - begin);
  }
  return out.substr(0, out.find_first_of("?#"));
}

}  // namespace storegate::cmd

#include "server/cmd/schema_explain.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "server/base/text.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/gateway.h"
#include "server/query/index_choice.h"
#include "server/query/query_shapes.h"

namespace storegate::cmd {
namespace {

using nlohmann::ordered_json;
using query::Engine;
using query::IndexChoice;

struct Explained {
  query::QueryShape shape;
  std::vector<IndexChoice> choices;  // one a database
  bool unindexed = false;            // on one of them
};

struct Kind {
  std::string name;
  Engine engine;
};

// Empty, and said why, when one of the names is none.
std::vector<Kind> KindsOf(const std::vector<std::string>& names, std::ostream& errors) {
  std::vector<Kind> kinds;
  for (const BackendKind& each : BackendKinds()) {
    const std::optional<Engine> engine = query::EngineNamed(each.name);
    const bool asked =
        names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
          return FindBackendKind(name) == &each;
        });
    if (engine && asked) kinds.push_back({std::string(each.name), *engine});
  }
  for (const std::string& name : names) {
    if (FindBackendKind(name) != nullptr) continue;
    errors << "storegate: --dialect: there is no dialect " << Quoted(name) << "; known are "
           << GeneratorNames() << "\n";
    return {};
  }
  return kinds;
}

std::vector<Explained> Explain(const schema::Schema& schema, const std::vector<Kind>& kinds) {
  std::map<std::pair<const schema::Entity*, Engine>, query::IndexChooser> choosers;
  std::vector<Explained> all;
  for (query::QueryShape& shape : query::DeclaredShapes(schema)) {
    Explained explained;
    explained.shape = std::move(shape);
    const query::QueryShape& asked = explained.shape;
    for (const Kind& kind : kinds) {
      const auto chooser =
          choosers.try_emplace({asked.entity, kind.engine}, *asked.entity, kind.engine).first;
      explained.choices.push_back(
          chooser->second.Choose(asked.where, asked.order, asked.show_deleted));
      explained.unindexed = explained.unindexed || explained.choices.back().unindexed();
    }
    all.push_back(std::move(explained));
  }
  return all;
}

std::string_view AccessName(IndexChoice::Access access) {
  switch (access) {
    case IndexChoice::Access::kNothing: return "nothing";
    case IndexChoice::Access::kAll: return "all";
    case IndexChoice::Access::kWhole: return "whole";
    case IndexChoice::Access::kOrdered: return "ordered";
    case IndexChoice::Access::kBounds: return "bounds";
    case IndexChoice::Access::kSearch: return "search";
    case IndexChoice::Access::kParts: return "parts";
  }
  return "";
}

std::string_view SortName(IndexChoice::Sort sort) {
  switch (sort) {
    case IndexChoice::Sort::kNone: return "none";
    case IndexChoice::Sort::kTies: return "ties";
    case IndexChoice::Sort::kAll: return "all";
  }
  return "";
}

ordered_json ToJson(const IndexChoice& choice) {
  ordered_json json = {{"access", AccessName(choice.access)}, {"index", choice.index},
                       {"equal", choice.equal},               {"range", choice.range},
                       {"sort", SortName(choice.sort)},       {"text", Describe(choice)}};
  if (!choice.in_order.empty()) json["in_order"] = choice.in_order;
  for (const IndexChoice& part : choice.parts) json["parts"].push_back(ToJson(part));
  return json;
}

void PrintAsJson(const std::vector<Explained>& all, const std::vector<Kind>& kinds,
                 size_t unindexed, std::ostream& out) {
  ordered_json queries = ordered_json::array();
  for (const Explained& each : all) {
    ordered_json databases = ordered_json::object();
    for (size_t i = 0; i < kinds.size(); ++i) databases[kinds[i].name] = ToJson(each.choices[i]);
    queries.push_back({{"of", each.shape.of},
                       {"asks", each.shape.asks},
                       {"entity", each.shape.entity->full_name},
                       {"databases", std::move(databases)}});
  }
  out << ordered_json{{"queries", std::move(queries)}, {"unindexed", unindexed}}.dump(2)
      << std::endl;
}

// Which databases, and what they do; alike ones together.
std::vector<std::pair<std::string, std::string>> Lines(const Explained& each,
                                                       const std::vector<Kind>& kinds) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (size_t i = 0; i < kinds.size(); ++i) {
    const std::string text = Describe(each.choices[i]);
    const auto same = std::ranges::find(lines, text, &std::pair<std::string, std::string>::second);
    if (same == lines.end()) {
      lines.emplace_back(kinds[i].name, text);
    } else {
      same->first += ", " + kinds[i].name;
    }
  }
  if (lines.size() == 1 && kinds.size() > 1) lines[0].first = "all";
  return lines;
}

std::string Padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

void PrintAsTable(const std::vector<Explained>& all, const std::vector<Kind>& kinds,
                  size_t unindexed, std::ostream& out) {
  size_t asks = 0, databases = 0;
  for (const Explained& each : all) {
    asks = std::max(asks, each.shape.asks.size());
    for (const auto& [names, text] : Lines(each, kinds)) databases = std::max(databases, names.size());
  }
  std::string of;
  for (const Explained& each : all) {
    if (each.shape.of != of) out << (of.empty() ? "" : "\n") << each.shape.of << "\n";
    of = each.shape.of;
    std::string what = each.shape.asks;
    for (const auto& [names, text] : Lines(each, kinds)) {
      out << "  " << Padded(what, asks) << "  " << Padded(names, databases) << "  " << text
          << "\n";
      what.clear();
    }
  }
  out << "\n" << all.size() << (all.size() == 1 ? " query" : " queries") << ", " << unindexed
      << " of them read all records for want of an index\n";
}

}  // namespace

int ExplainSchema(const Config& config, const ExplainOptions& options, std::ostream& out,
                  std::ostream& errors) {
  const std::vector<Kind> kinds = KindsOf(options.dialects, errors);
  if (kinds.empty()) return 2;
  std::unique_ptr<const schema::Schema> schema = LoadSchema(config, errors);
  if (schema == nullptr) return 1;
  const std::vector<Explained> all = Explain(*schema, kinds);
  const auto unindexed =
      static_cast<size_t>(std::ranges::count_if(all, &Explained::unindexed));
  if (options.json) {
    PrintAsJson(all, kinds, unindexed, out);
  } else {
    PrintAsTable(all, kinds, unindexed, out);
  }
  return options.require_index && unindexed > 0 ? 1 : 0;
}

}  // namespace storegate::cmd

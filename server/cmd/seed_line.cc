#include "server/cmd/seed_line.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>
#include <nlohmann/json.hpp>

#include "server/base/text.h"

namespace storegate::cmd {
namespace {

using nlohmann::json;

constexpr std::string_view kTypePrefix = "type.googleapis.com";
// Writing JSON goes down as deep as it is nested; records do not nest deeper.
constexpr int kMaxDepth = 200;

Status Invalid(std::string message) {
  return Status(Code::kInvalidArgument, "INVALID_SEED", std::move(message));
}

}  // namespace

SeedParser::SeedParser(const schema::Schema& schema)
    : schema_(schema),
      resolver_(google::protobuf::util::NewTypeResolverForDescriptorPool(std::string(kTypePrefix),
                                                                         schema.pool)) {}

Result<SeedLine> SeedParser::Parse(std::string_view line) {
  json document;
  bool too_deep = false;
  try {
    document = json::parse(line, [&too_deep](int depth, json::parse_event_t, json&) {
      too_deep = too_deep || depth > kMaxDepth;
      return !too_deep;
    });
  } catch (const json::parse_error& error) {
    return Invalid("not JSON at column " + std::to_string(error.byte));
  }
  if (too_deep) return Invalid("nested deeper than " + std::to_string(kMaxDepth));
  if (!document.is_object()) {
    return Invalid("must be an object {\"entity\": …, \"record\": {…}}");
  }
  for (const auto& [key, value] : document.items()) {
    if (key == "entity" && value.is_string()) continue;
    if (key == "record" && value.is_object()) continue;
    if (key == "entity") return Invalid("\"entity\" must be the name of an entity, as text");
    if (key == "record") return Invalid("\"record\" must be an object");
    return Invalid("unknown key " + Quoted(key) + "; a line has \"entity\" and \"record\"");
  }
  for (const char* key : {"entity", "record"}) {
    if (!document.contains(key)) return Invalid("\"" + std::string(key) + "\" is missing");
  }

  Result<const schema::Entity*> entity = FindEntity(document["entity"].get<std::string>());
  if (!entity.ok()) return entity.status();
  SeedLine parsed;
  parsed.entity = *entity;
  auto converted = google::protobuf::util::JsonToBinaryString(
      resolver_.get(), std::string(kTypePrefix) + "/" + parsed.entity->full_name,
      document["record"].dump(), &parsed.record);
  if (!converted.ok()) {
    return Invalid("the record is no " + parsed.entity->full_name + ": " +
                   std::string(converted.message()));
  }
  return parsed;
}

Result<const schema::Entity*> SeedParser::FindEntity(const std::string& name) const {
  if (const schema::Entity* entity = schema_.FindEntity(name)) return entity;
  const schema::Entity* found = nullptr;
  std::string known;
  for (const schema::Entity& entity : schema_.entities) {
    known += (known.empty() ? "" : ", ") + entity.full_name;
    if (entity.name != name) continue;
    if (found != nullptr) {
      return Invalid("\"entity\": " + Quoted(name) + " may be " + found->full_name + " or " +
                     entity.full_name + "; give the full name");
    }
    found = &entity;
  }
  if (found == nullptr) {
    return Invalid("\"entity\": there is no " + Quoted(name) + "; known are " + known);
  }
  return found;
}

}  // namespace storegate::cmd

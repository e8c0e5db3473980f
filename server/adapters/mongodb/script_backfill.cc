#include "server/adapters/mongodb/script_backfill.h"

#include <optional>
#include <string_view>

#include "server/adapters/mongodb/script.h"
#include "server/base/text.h"

namespace storegate::mongodb {
namespace {

bool IsArray(const Bson& command, const char* key) {
  bson_iter_t at;
  return bson_iter_init_find(&at, command.get(), key) && BSON_ITER_HOLDS_ARRAY(&at);
}

// Why the fields of one part cannot be changed, or "".
std::string WhyBadFields(std::string_view part, const Bson& fields) {
  const std::string name = Quoted(part);
  if (fields.empty()) return "has an empty " + name;
  const bool names = part == "rename" || part == "copy";
  bson_iter_t at;
  if (!bson_iter_init(&at, fields.get())) return "has an unreadable " + name;
  while (bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    const std::string to = names ? TextAtIter(at) : std::string();
    if (key.empty() || key.starts_with('$')) return "has no field's name in " + name;
    if (names && (to.empty() || to.starts_with('$') || to == key)) {
      return "does not say in " + name + " what " + Quoted(key) + " is to be called";
    }
    if ((part != "copy" && key == "_id") || to == "_id") return "would change \"_id\"";
  }
  return "";
}

}  // namespace

std::string ReadBackfill(const Bson& command, Backfill* backfill) {
  backfill->collection = std::string(TargetOfCommand(command));
  if (backfill->collection.empty()) return "names no collection";
  bson_iter_t at;
  if (!bson_iter_init(&at, command.get()) || !bson_iter_next(&at)) return "is empty";
  bool filter = false, change = false;
  while (bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    const bool known = key == "filter" || key == "set" || key == "unset" || key == "rename" ||
                       key == "copy";
    if (!known) {
      return "has " + Quoted(key) + ", which is none of filter, set, unset, rename and copy";
    }
    std::optional<Bson> part = DocumentAtIter(at);
    if (!part || IsArray(command, bson_iter_key(&at))) return "has no object as " + Quoted(key);
    if (key == "filter") {
      backfill->filter = *std::move(part);
      filter = true;
      continue;
    }
    if (const std::string why = WhyBadFields(key, *part); !why.empty()) return why;
    change = true;
    if (key != "copy") {
      backfill->update.AddDocument("$" + std::string(key), *part);
      continue;
    }
    bson_iter_t field;
    for (bson_iter_init(&field, part->get()); bson_iter_next(&field);) {
      backfill->copies.emplace_back(bson_iter_key(&field), TextAtIter(field));
    }
  }
  if (!filter) return "has no \"filter\"";
  if (!change) return "changes nothing: it has neither set, unset, rename nor copy";
  return "";
}

Bson Backfill::CountCommand() const {
  Bson count;
  count.AddText("count", collection).AddDocument("query", filter);
  return count;
}

}  // namespace storegate::mongodb

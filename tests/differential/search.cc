#include "tests/differential/search.h"

#include <algorithm>
#include <set>

#include "tests/differential/random_schema.h"
#include "tests/differential/shrink.h"
#include "tests/differential/symbols.h"

namespace storegate::test {
namespace {

constexpr int kRandomSchemas = 12;

// What the sequence's entities are, where no file says it.
std::string EntitiesOf(const NamedSchema& schema, const Sequence& sequence) {
  std::string text;
  for (const NamedSchema& fixed : Schemas()) {
    if (fixed.schema == schema.schema) return text;
  }
  const schema::Entity* last = nullptr;
  for (const Operation& operation : sequence) {
    const schema::Entity* entity = operation.method->entity;
    if (entity == last) continue;
    last = entity;
    if (text.find("message " + entity->name + " {") != std::string::npos) continue;
    text += entity->descriptor->DebugString();
  }
  return text;
}

// How the two begin where they part: two words of each, a status and its reason.
std::string KindOf(const Difference& difference) {
  size_t same = 0;
  while (same < std::min(difference.first.size(), difference.second.size()) &&
         difference.first[same] == difference.second[same]) {
    ++same;
  }
  std::string kind;
  for (const std::vector<std::string>* lines : {&difference.first, &difference.second}) {
    if (same >= lines->size()) continue;
    const std::string& line = (*lines)[same];
    const size_t space = line.find(' ');
    const std::string first = line.substr(0, space);
    if (first == "failed") {
      const size_t reason = line.find("reason: ");
      kind += line.substr(std::min(reason, line.size()), 24);
    } else {
      // What a field holds, or a total, may change: a shorter sequence has others.
      kind += first == "record" || first.ends_with(':') ? first
                                                        : line.substr(0, line.find(' ', space + 1));
    }
    kind += "|";
  }
  return kind;
}

// Whether numbers for ids are given as well as counted, which sequences are not made with.
bool MixesIds(const Sequence& sequence) {
  std::set<const schema::Entity*> given;
  std::set<const schema::Entity*> counted;
  for (const Operation& operation : sequence) {
    const schema::Method& method = *operation.method;
    const schema::Entity& entity = *method.entity;
    if (entity.id->type != schema::Type::kInt64) continue;
    auto note = [&](const Message& request, const FieldDescriptor* record) {
      const int64_t id = std::get<int64_t>(
          IdOf(request.GetReflection()->GetMessage(request, record), entity));
      if (id == 0) counted.insert(&entity);
      if (id > 0 && Nobodys(id) == Value(id)) given.insert(&entity);
    };
    if (method.operation == schema::Operation::kCreate) note(*operation.request, method.record);
    if (method.operation != schema::Operation::kBatchCreate) continue;
    for (const Message* item : Elements(*operation.request, method.requests)) {
      note(*item, method.item_record);
    }
  }
  return std::ranges::any_of(given, [&](const auto* entity) { return counted.count(entity) > 0; });
}

bool Within(const Common& common, const Operation& operation) {
  const schema::Method& method = *operation.method;
  if (common.transactions || method.operation != schema::Operation::kBatchCreate) return true;
  const Message& request = *operation.request;
  return request.GetReflection()->FieldSize(request, method.requests) <= 1 ||
         (method.allow_partial != nullptr &&
          request.GetReflection()->GetBool(request, method.allow_partial));
}

}  // namespace

const NamedSchema& SchemaOfTurn(int turn, uint64_t seed) {
  const std::vector<NamedSchema>& fixed = Schemas();
  if (turn % 3 == 0) return fixed[static_cast<size_t>(turn / 3) % fixed.size()];
  return RandomSchema(seed + static_cast<uint64_t>(turn / 2 % kRandomSchemas));
}

Found Search(const Pair& pair, const NamedSchema& schema, const Sequence& sequence,
             const Common& common, int bound) {
  const std::optional<Difference> difference = pair.Compare(schema, sequence);
  if (!difference) return {};
  Found found;
  Difference last = *difference;
  Sequence until(sequence.begin(), sequence.begin() + static_cast<std::ptrdiff_t>(last.at) + 1);
  found.shortest = Shrink(
      until,
      [&](const Sequence& shorter) -> std::optional<size_t> {
        const bool within = std::ranges::all_of(
            shorter, [&](const Operation& operation) { return Within(common, operation); });
        if (!within || (MixesIds(shorter) && !MixesIds(until))) return std::nullopt;
        std::optional<Difference> again = pair.Compare(schema, shorter);
        if (!again || KindOf(*again) != KindOf(*difference)) return std::nullopt;
        last = std::move(*again);
        return last.at;
      },
      bound);
  const bool again = !found.shortest.empty();
  const Sequence& shown = again ? found.shortest : until;
  found.story = pair.name() + " differ, schema \"" + schema.name + "\"" +
                (again ? "" : ", but did not when the same was performed again") + "; " +
                std::to_string(shown.size()) + " operations:\n" + ToText(shown, "  ") +
                pair.Describe(last) + EntitiesOf(schema, shown);
  return found;
}

}  // namespace storegate::test

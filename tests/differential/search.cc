#include "tests/differential/search.h"

#include "tests/differential/random_schema.h"
#include "tests/differential/shrink.h"

namespace storegate::test {
namespace {

constexpr int kRandomSchemas = 12;

// What the sequence's entities are, where no file says it.
std::string EntitiesOf(const Sequence& sequence) {
  std::string text;
  const schema::Entity* last = nullptr;
  for (const Operation& operation : sequence) {
    const schema::Entity* entity = operation.method->entity;
    if (entity == last || text.find("message " + entity->name + " {") != std::string::npos) continue;
    last = entity;
    text += entity->descriptor->DebugString();
  }
  return text;
}

}  // namespace

const NamedSchema& SchemaOfTurn(int turn, uint64_t seed) {
  const std::vector<NamedSchema>& fixed = Schemas();
  if (turn % 3 == 0) return fixed[static_cast<size_t>(turn / 3) % fixed.size()];
  return RandomSchema(seed + static_cast<uint64_t>(turn / 2 % kRandomSchemas));
}

Found SearchOnce(const Pair& pair, const NamedSchema& schema, const Sequence& sequence,
                 int bound) {
  const std::optional<Difference> difference = pair.Compare(schema, sequence);
  if (!difference) return {};
  Found found;
  Difference last = *difference;
  Sequence until(sequence.begin(), sequence.begin() + static_cast<std::ptrdiff_t>(last.at) + 1);
  found.shortest = Shrink(
      until,
      [&](const Sequence& shorter) -> std::optional<size_t> {
        std::optional<Difference> again = pair.Compare(schema, shorter);
        if (!again) return std::nullopt;
        last = std::move(*again);
        return last.at;
      },
      bound);
  const bool again = !found.shortest.empty();
  const Sequence& shown = again ? found.shortest : until;
  found.story = pair.name() + " differ, schema \"" + schema.name + "\"" +
                (again ? "" : ", but did not when the same was performed again") + "; " +
                std::to_string(shown.size()) + " operations:\n" + ToText(shown, "  ") +
                pair.Describe(last) + EntitiesOf(shown);
  return found;
}

std::string Search(const Pair& pair, const NamedSchema& schema, const Sequence& sequence,
                   int bound) {
  return SearchOnce(pair, schema, sequence, bound).story;
}

}  // namespace storegate::test

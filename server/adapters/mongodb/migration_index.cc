#include "server/adapters/mongodb/migration_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/script.h"

namespace storegate::mongodb {
namespace {

// What is not of the index but of how, when and by which version it was made.
constexpr std::array<std::string_view, 11> kLeftOut = {
    "key",     "name", "v",           "ns",        "background",           "buildUUID",
    "clustered", "dropDups", "textIndexVersion", "2dsphereIndexVersion", "hashVersion"};

void AppendNumber(std::string_view key, int64_t number, Bson* to) {
  if (number >= std::numeric_limits<int32_t>::min() &&
      number <= std::numeric_limits<int32_t>::max()) {
    to->AddInt32(key, static_cast<int32_t>(number));
  } else {
    to->AddInt64(key, number);
  }
}

Bson Normal(const Bson& document);

void AppendNormal(std::string_view key, const bson_iter_t& at, Bson* to) {
  constexpr double kExact = 9007199254740992;  // 2^53
  switch (bson_iter_type(&at)) {
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64: return AppendNumber(key, bson_iter_as_int64(&at), to);
    case BSON_TYPE_DOUBLE: {
      const double number = bson_iter_double(&at);
      if (std::trunc(number) == number && std::abs(number) <= kExact) {
        return AppendNumber(key, static_cast<int64_t>(number), to);
      }
      break;
    }
    case BSON_TYPE_DOCUMENT:
      if (const std::optional<Bson> inner = DocumentAtIter(at)) {
        to->AddDocument(key, Normal(*inner));
        return;
      }
      break;
    case BSON_TYPE_ARRAY:
      if (const std::optional<Bson> inner = DocumentAtIter(at)) {
        to->AddArray(key, Normal(*inner));
        return;
      }
      break;
    default: break;
  }
  bson_append_iter(to->get(), key.data(), static_cast<int>(key.size()), &at);
}

Bson Normal(const Bson& document) {
  Bson normal;
  bson_iter_t at;
  if (!bson_iter_init(&at, document.get())) return normal;
  while (bson_iter_next(&at)) AppendNormal(bson_iter_key(&at), at, &normal);
  return normal;
}

// Without what is so for all locales unless they say otherwise, and the version of the
// server's tables. Empty for the simple one.
Bson NormalCollation(const bson_t* collation) {
  Bson normal;
  if (TextOf(collation, "locale") == "simple") return normal;
  const std::map<std::string_view, std::string_view> texts = {
      {"caseFirst", "off"}, {"alternate", "non-ignorable"}, {"maxVariable", "punct"}};
  std::map<std::string, bson_iter_t> kept;
  bson_iter_t at;
  if (!bson_iter_init(&at, collation)) return normal;
  while (bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    const auto text = texts.find(key);
    const bool by_default =
        key == "version" || (text != texts.end() && TextAtIter(at) == text->second) ||
        (BSON_ITER_HOLDS_BOOL(&at) && !bson_iter_bool(&at)) ||
        (key == "strength" && BSON_ITER_HOLDS_NUMBER(&at) && bson_iter_as_int64(&at) == 3);
    if (!by_default) kept.emplace(key, at);
  }
  for (const auto& [key, value] : kept) AppendNormal(key, value, &normal);
  return normal;
}

struct Keys {
  Bson keys;
  bool text = false;
  std::map<std::string, int64_t> weights;  // of a text index
};

// {"a": "text", "b": "text"} is shown as {"_fts": "text", "_ftsx": 1}, with weights.
Keys NormalKeys(const bson_t* index) {
  Keys result;
  const std::optional<Bson> key = DocumentOf(index, "key");
  bson_iter_t at;
  if (!key || !bson_iter_init(&at, key->get())) return result;
  while (bson_iter_next(&at)) {
    const std::string name = bson_iter_key(&at);
    if (TextAtIter(at) != "text") {
      if (name != "_ftsx" || !result.text) AppendNormal(name, at, &result.keys);
      continue;
    }
    if (!result.text) result.keys.AddText("_fts", "text").AddInt32("_ftsx", 1);
    result.text = true;
    if (name != "_fts") result.weights[name] = 1;
  }
  if (!result.text) return result;
  const std::optional<Bson> weights = DocumentOf(index, "weights");
  if (!weights || !bson_iter_init(&at, weights->get())) return result;
  while (bson_iter_next(&at)) result.weights[bson_iter_key(&at)] = bson_iter_as_int64(&at);
  return result;
}

bool IsDefault(std::string_view key, const bson_iter_t& at, bool text_index) {
  if (BSON_ITER_HOLDS_DOCUMENT(&at)) {
    const std::optional<Bson> inner = DocumentAtIter(at);
    return (key == "partialFilterExpression" || key == "storageEngine") && inner &&
           inner->empty();
  }
  if (text_index && key == "default_language") return TextAtIter(at) == "english";
  if (text_index && key == "language_override") return TextAtIter(at) == "language";
  if (key == "bits") return bson_iter_as_int64(&at) == 26;
  if (key == "min") return bson_iter_as_double(&at) == -180;
  if (key == "max") return bson_iter_as_double(&at) == 180;
  return false;
}

bool IsFlag(std::string_view key) {
  return key == "unique" || key == "sparse" || key == "hidden" || key == "prepareUnique";
}

int Rank(std::string_view key) {
  if (key == "unique") return 0;
  if (key == "sparse") return 1;
  return key == "partialFilterExpression" ? 2 : 3;
}

}  // namespace

Bson NormalIndex(const bson_t* index, const bson_t* collation) {
  Keys keys = NormalKeys(index);
  std::vector<std::pair<std::string, bson_iter_t>> options;
  bson_iter_t at;
  for (bool more = bson_iter_init(&at, index) && bson_iter_next(&at); more;
       more = bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    if (std::ranges::count(kLeftOut, key) > 0 || key == "collation") continue;
    if ((keys.text && key == "weights") || IsDefault(key, at, keys.text)) continue;
    if (IsFlag(key) && !bson_iter_as_bool(&at)) continue;
    options.emplace_back(key, at);
  }
  // As options, by name.
  Bson extra;
  if (keys.text) {
    Bson weights;
    for (const auto& [name, weight] : keys.weights) AppendNumber(name, weight, &weights);
    extra.AddDocument("weights", weights);
  }
  const std::optional<Bson> own = DocumentOf(index, "collation");
  if (const bson_t* text = own ? own->get() : collation; text != nullptr) {
    const Bson normal = NormalCollation(text);
    if (!normal.empty()) extra.AddDocument("collation", normal);
  }
  for (bool more = bson_iter_init(&at, extra.get()) && bson_iter_next(&at); more;
       more = bson_iter_next(&at)) {
    options.emplace_back(bson_iter_key(&at), at);
  }
  // Not stable_sort, whose buffer is not aligned as an iterator of libbson's wants it.
  std::ranges::sort(options, [](const auto& a, const auto& b) {
    return std::pair(Rank(a.first), std::string_view(a.first)) <
           std::pair(Rank(b.first), std::string_view(b.first));
  });
  Bson normal;
  normal.AddDocument("key", keys.keys);
  for (const auto& [key, value] : options) {
    if (IsFlag(key)) {
      normal.AddBool(key, true);
    } else {
      AppendNormal(key, value, &normal);
    }
  }
  return normal;
}

std::string IndexDefinition(const bson_t* index, const bson_t* collation) {
  return JsonText(NormalIndex(index, collation));
}

Bson IndexFrom(const std::string& name, const std::string& definition) {
  Bson index;
  bson_t* read = bson_new_from_json(reinterpret_cast<const uint8_t*>(definition.data()),
                                    static_cast<ssize_t>(definition.size()), nullptr);
  if (read == nullptr) return index;
  const Bson parts(read);
  bson_iter_t at;
  if (!bson_iter_init(&at, parts.get())) return index;
  while (bson_iter_next(&at)) {
    bson_append_iter(index.get(), nullptr, -1, &at);
    if (std::string_view(bson_iter_key(&at)) == "key") index.AddText("name", name);
  }
  return index;
}

bool IsIdIndex(const bson_t* index) {
  if (FlagOf(index, "clustered") || TextOf(index, "name") == "_id_") return true;
  const std::optional<Bson> key = DocumentOf(index, "key");
  bson_iter_t at;
  return key && bson_count_keys(key->get()) == 1 && bson_iter_init_find(&at, key->get(), "_id") &&
         BSON_ITER_HOLDS_NUMBER(&at) && bson_iter_as_int64(&at) == 1;
}

}  // namespace storegate::mongodb

#include "server/adapters/mongodb/native.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/types.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/repository/json_scanner.h"
#include "server/repository/row_status.h"

namespace storegate::mongodb {

using repository::NativeParameter;
using repository::NativeQuery;

namespace {

Status Refused(const std::string& why) {
  return Status(Code::kInvalidArgument, "INVALID_NATIVE_QUERY", "the pipeline " + why);
}

// Operators that write, or run a text that may be a caller's.
constexpr std::array<std::string_view, 3> kForbidden = {"$out", "$merge", "$where"};

bool IsForbidden(std::string_view key) {
  return std::ranges::find(kForbidden, key) != kForbidden.end();
}

std::string_view KeyAt(const bson_iter_t& at) {
  return {bson_iter_key(&at), bson_iter_key_len(&at)};
}

bool Nests(const bson_iter_t& at) {
  return BSON_ITER_HOLDS_DOCUMENT(&at) || BSON_ITER_HOLDS_ARRAY(&at);
}

// The first forbidden operator below, or "".
std::string_view ForbiddenIn(const bson_iter_t& at) {
  bson_iter_t inside;
  if (!Nests(at) || !bson_iter_recurse(&at, &inside)) return "";
  while (bson_iter_next(&inside)) {
    if (BSON_ITER_HOLDS_DOCUMENT(&at) && IsForbidden(KeyAt(inside))) {
      return *std::ranges::find(kForbidden, KeyAt(inside));
    }
    if (const std::string_view found = ForbiddenIn(inside); !found.empty()) return found;
  }
  return "";
}

// Why it is not {"$stage": …}, or "".
std::string WhyNoStage(std::string_view text, Bson* stage) {
  if (!text.starts_with('{')) return "is no object";
  bson_t* read = bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()),
                                    static_cast<ssize_t>(text.size()), nullptr);
  if (read == nullptr) return "is no Extended JSON";
  *stage = Bson(read);
  bson_iter_t at;
  if (!bson_iter_init(&at, read) || !bson_iter_next(&at) || !KeyAt(at).starts_with('$') ||
      bson_count_keys(read) != 1) {
    return "has not one key, that of a stage";
  }
  if (IsForbidden(KeyAt(at))) return "is " + std::string(KeyAt(at)) + ", which it may not be";
  const std::string_view found = ForbiddenIn(at);
  return found.empty() ? "" : "has " + std::string(found) + ", which it may not have";
}

// {"pipeline": the text}
Result<Bson> Parsed(std::string_view text) {
  if (FindInvalidUtf8(text) != std::string_view::npos) return Refused("is no UTF-8");
  repository::JsonScanner scanner(text);
  if (scanner.Peek() != '[') return Refused("is no JSON array");
  BsonArray stages;
  std::string why;
  const bool read = scanner.Array([&] {
    scanner.Peek();
    const size_t begin = scanner.position();
    if (!scanner.Skip()) return false;
    Bson stage;
    why = WhyNoStage(text.substr(begin, scanner.position() - begin), &stage);
    if (why.empty()) stages.Add(stage);
    return why.empty();
  });
  if (!why.empty()) {
    return Refused("is wrong: its stage " + std::to_string(stages.size() + 1) + " " + why);
  }
  if (!read || !scanner.AtEnd()) {
    return Refused("is no JSON, from byte " + std::to_string(scanner.position()) + " on");
  }
  Bson parsed;
  parsed.AddArray("pipeline", stages.bson());
  return parsed;
}

// Stages whose values are never evaluated: a text that begins with "$" is a text.
bool TakesValues(std::string_view stage) {
  constexpr std::string_view kStages[] = {"$match",   "$limit", "$skip",   "$sample",
                                          "$sort",    "$search", "$searchMeta", "$geoNear"};
  return std::ranges::find(kStages, stage) != std::end(kStages);
}

// Copies a pipeline with the parameters' values in it. A value goes where it is compared
// with as it is, and as a {"$literal": value} where it would be evaluated.
class Binder {
 public:
  explicit Binder(const std::vector<NativeParameter>& parameters) : parameters_(parameters) {}

  // `at` is on an array of stages.
  void AppendPipeline(const bson_iter_t& at, Bson* to) const {
    AppendEach(at, to, [this](const bson_iter_t& stage, Bson* stages) {
      AppendEach(stage, stages, [this](const bson_iter_t& body, Bson* only) {
        AppendStage(body, only);
      });
    });
  }

 private:
  enum class Place { kValue, kExpression };

  void AppendStage(const bson_iter_t& at, Bson* to) const {
    const std::string_view name = KeyAt(at);
    if (TakesValues(name)) return Append(at, Place::kValue, to);
    if (!BSON_ITER_HOLDS_DOCUMENT(&at)) return Append(at, Place::kExpression, to);
    AppendEach(at, to, [this, name](const bson_iter_t& member, Bson* members) {
      const std::string_view key = KeyAt(member);
      const bool pipeline =
          name == "$facet" ||
          (key == "pipeline" && (name == "$lookup" || name == "$unionWith"));
      const bool values = name == "$graphLookup" && key == "restrictSearchWithMatch";
      if (pipeline && BSON_ITER_HOLDS_ARRAY(&member)) return AppendPipeline(member, members);
      Append(member, values ? Place::kValue : Place::kExpression, members);
    });
  }

  void Append(const bson_iter_t& at, Place place, Bson* to) const {
    if (Nests(at)) {
      AppendEach(at, to, [this, place](const bson_iter_t& member, Bson* members) {
        Append(member, PlaceWithin(KeyAt(member), place), members);
      });
      return;
    }
    const NativeParameter* parameter = ParameterAt(at);
    if (parameter == nullptr) {
      bson_append_iter(to->get(), bson_iter_key(&at), static_cast<int>(bson_iter_key_len(&at)),
                       &at);
    } else if (place == Place::kValue) {
      AppendParameter(KeyAt(at), *parameter, to);
    } else {
      Bson literal;
      AppendParameter("$literal", *parameter, &literal);
      to->AddDocument(KeyAt(at), literal);
    }
  }

  static Place PlaceWithin(std::string_view key, Place place) {
    if (key == "$expr") return Place::kExpression;
    if (key == "$literal") return Place::kValue;
    return place;
  }

  // Appends what `append` makes of each element of the document or array, under its key.
  template <typename Each>
  static void AppendEach(const bson_iter_t& at, Bson* to, const Each& append) {
    Bson copy;
    bson_iter_t inside;
    if (bson_iter_recurse(&at, &inside)) {
      while (bson_iter_next(&inside)) append(inside, &copy);
    }
    BSON_ITER_HOLDS_ARRAY(&at) ? to->AddArray(KeyAt(at), copy) : to->AddDocument(KeyAt(at), copy);
  }

  // The one that a text which is "$1" alone stands for; null for all else.
  const NativeParameter* ParameterAt(const bson_iter_t& at) const {
    if (!BSON_ITER_HOLDS_UTF8(&at)) return nullptr;
    uint32_t length = 0;
    const char* data = bson_iter_utf8(&at, &length);
    const std::string_view text(data, length);
    if (text.size() < 2 || text[0] != '$' || text[1] == '0') return nullptr;
    size_t number = 0;
    const auto [end, error] = std::from_chars(data + 1, data + length, number);
    if (error != std::errc() || end != data + length || number > parameters_.size()) {
      return nullptr;
    }
    return &parameters_[number - 1];
  }

  static void AppendParameter(std::string_view key, const NativeParameter& parameter, Bson* to) {
    if (!parameter.list) {
      AppendValue(key, parameter.values.empty() ? Value() : parameter.values[0], parameter.type,
                  to->get());
      return;
    }
    BsonArray list;
    for (const Value& value : parameter.values) {
      AppendValue(list.NextKey(), value, parameter.type, list.bson().get());
    }
    to->AddArray(key, list.bson());
  }

  const std::vector<NativeParameter>& parameters_;
};

}  // namespace

Status CheckNative(std::string_view pipeline) { return Parsed(pipeline).status(); }

Result<Bson> NativeCommand(const NativeQuery& query) {
  const Result<Bson> parsed = Parsed(query.native->mongodb);
  if (!parsed.ok()) {
    Log(Level::kError, "a native query is no pipeline", {{"text", parsed.status().message()}});
    return repository::NativeQueryFailed(*query.entity);
  }
  Bson command;
  command.AddText("aggregate", query.entity->collection);
  bson_iter_t pipeline;
  if (bson_iter_init_find(&pipeline, parsed->get(), "pipeline")) {
    Binder(query.parameters).AppendPipeline(pipeline, &command);
  }
  command.AddDocument("cursor", Bson());
  command.AddBool("allowDiskUse", true);
  return command;
}

}  // namespace storegate::mongodb

#include "server/query/wildcard.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "server/base/text.h"

namespace storegate::query {
namespace {

using schema::Presence;
using schema::Type;

// MongoDB takes no long patterns.
constexpr size_t kMaxPatternBytes = 1000;

// Kept as another type than text by some database, which orders it alike.
bool IsBinaryId(const schema::Field& field) {
  if (field.references) return IsBinaryId(*field.references->field);
  return field.format == schema::Format::kObjectId || field.format == schema::Format::kUuid;
}

// The last character of a text that is not empty; takes it out.
uint32_t TakeLast(std::string* text) {
  size_t at = text->size() - 1;
  while ((static_cast<uint8_t>((*text)[at]) & 0xC0) == 0x80) --at;
  const auto first = static_cast<uint8_t>((*text)[at]);
  uint32_t code = first < 0x80   ? first
                  : first < 0xE0 ? first & 0x1F
                  : first < 0xF0 ? first & 0xF
                                 : first & 0x7;
  for (size_t i = at + 1; i < text->size(); ++i) {
    code = code << 6 | (static_cast<uint8_t>((*text)[i]) & 0x3F);
  }
  text->resize(at);
  return code;
}

// The first text behind all that begin with `begin`; empty where there is none.
std::string Behind(std::string begin) {
  while (!begin.empty()) {
    uint32_t code = TakeLast(&begin);
    if (code == 0x10FFFF) continue;
    code = code == 0xD7FF ? 0xE000 : code + 1;  // what is between are no characters
    AppendUtf8(code, &begin);
    return begin;
  }
  return begin;
}

Predicate Ordered(const Path& path, Compare op, std::string text) {
  Predicate predicate;
  predicate.kind = Predicate::Kind::kCompare;
  predicate.path = path;
  predicate.op = op;
  predicate.value = std::move(text);
  return predicate;
}

}  // namespace

Result<Match> TakeWildcards(const ResolvedPath& resolved, const Comparison& comparison,
                            const Operand& operand, Token* literal) {
  if (literal->stars.empty()) return Match::kWhole;
  const auto refuse = [&](const std::string& why) {
    return FilterError(literal->position, why + "; write \\* for a star");
  };
  const Path& path = resolved.path;
  const bool single = path.presence == Presence::kPlain || path.presence == Presence::kOptional;
  if (comparison.values.size() > 1 || operand.ordered) {
    return refuse("wildcards stand behind = and != only");
  }
  if (!single || operand.meaning != Operand::Meaning::kValue ||
      (path.type != Type::kString && path.type != Type::kValue)) {
    return refuse(resolved.written + " has no wildcards, which are for single texts");
  }
  std::string& text = literal->text;
  const bool first = literal->stars.front() == 0;
  const bool last = literal->stars.back() + 1 == text.size();
  const size_t at_ends = text.size() == 1 ? 1 : (first ? 1 : 0) + (last ? 1 : 0);
  if (literal->stars.size() > at_ends) {
    return refuse("a wildcard stands at the begin or the end of a text only");
  }
  text = text.size() == 1 ? "" : text.substr(first ? 1 : 0, text.size() - at_ends);
  literal->stars.clear();
  if (text.empty() || (last && !first)) return Match::kBegin;
  if (path.below.empty() && IsBinaryId(*path.field)) {
    return refuse("of the ids in " + resolved.written + " only the begin can be asked for");
  }
  if (text.size() > kMaxPatternBytes) {
    return refuse("behind a wildcard there are at most " + std::to_string(kMaxPatternBytes) +
                  " bytes");
  }
  return last ? Match::kAnywhere : Match::kEnd;
}

Predicate MatchText(const Path& path, Match match, std::string part) {
  if (match == Match::kBegin) {
    std::string behind = Behind(part);
    std::vector<Predicate> both;
    both.push_back(Ordered(path, Compare::kGe, std::move(part)));
    if (!behind.empty()) both.push_back(Ordered(path, Compare::kLt, std::move(behind)));
    return Predicate::And(std::move(both));
  }
  Predicate predicate;
  predicate.kind =
      match == Match::kEnd ? Predicate::Kind::kEndsWith : Predicate::Kind::kIncludes;
  predicate.path = path;
  predicate.value = std::move(part);
  return predicate;
}

}  // namespace storegate::query

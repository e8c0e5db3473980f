// Tokens → a tree of what is written, names not yet looked up. The grammar is in
// predicate.h; the tree already has room for what google.aip.dev/160 adds to it
// (OR, NOT, parentheses), so that grammar is added here and nowhere else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"
#include "server/query/tokenizer.h"

namespace storegate::query {

inline constexpr int kMaxComparisons = 64;
inline constexpr size_t kMaxPathParts = 32;

enum class Operator { kEq, kNe, kLt, kLe, kGt, kGe, kHas };

// "<=" and so on, for messages.
std::string_view OperatorText(Operator op);

struct PathPart {
  std::string text;
  size_t position = 0;
};

struct Comparison {
  std::vector<PathPart> path;  // never empty
  Operator op = Operator::kEq;
  size_t op_position = 0;
  Token value;  // kString, kNumber, kDuration, kName or kDollar
};

struct Syntax {
  enum class Kind { kAnd, kOr, kNot, kComparison };
  Kind kind = Kind::kComparison;
  std::vector<Syntax> children;
  Comparison comparison;
};

// FilterError (tokenizer.h) where the text is not of the grammar, has more than
// kMaxComparisons comparisons, or a path of more than kMaxPathParts names.
Result<Syntax> ParseSyntax(std::string_view text);

}  // namespace storegate::query

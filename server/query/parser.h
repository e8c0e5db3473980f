// Tokens → a tree of what is written, names not yet looked up. The grammar is in
// predicate.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"
#include "server/query/tokenizer.h"

namespace storegate::query {

inline constexpr int kMaxComparisons = 256;
// Of NOT and parentheses within each other.
inline constexpr int kMaxNesting = 16;
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
  // kString, kNumber, kDuration, kName or kDollar, and kStar behind ":". Two or more are what
  // IN lists: none of them is kDollar or kStar, and op is kEq.
  std::vector<Token> values;
};

struct Syntax {
  enum class Kind { kAnd, kOr, kNot, kComparison };
  Kind kind = Kind::kComparison;
  std::vector<Syntax> children;
  Comparison comparison;
};

// FilterError (tokenizer.h) where the text is not of the grammar, has more than
// kMaxComparisons comparisons, a path of more than kMaxPathParts names, or NOT and parentheses
// more than kMaxNesting deep; where IN lists more than kMaxValues (predicate.h).
Result<Syntax> ParseSyntax(std::string_view text);

}  // namespace storegate::query

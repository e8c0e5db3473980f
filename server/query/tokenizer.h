// Texts of predicates as tokens, the notation of google.aip.dev/160.
//
//   name      letters, digits, "_"; behind a dot it may begin with a digit
//   string    in " or ', with \" \' \\ \n \r \t \uXXXX and \* (a star that is
//             never a wildcard)
//   number    5  -5  1.25  -3e8     a sign only where a value may stand
//   duration  20s  1.5s
//   $name     a value of the request; $ alone
//   others    = != < <= > >= : ( ) , . - *  AND OR NOT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"

namespace storegate::query {

inline constexpr size_t kMaxFilterBytes = 65536;

enum class TokenKind {
  kEnd,
  kName,
  kString,
  kNumber,
  kDuration,
  kDollar,
  kDot,
  kComma,
  kLeftParen,
  kRightParen,
  kMinus,
  kStar,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kColon,
  kAnd,
  kOr,
  kNot,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  size_t position = 0;  // of the first byte, from 0
  size_t size = 0;      // bytes as written
  // The name; a string's content with its escapes resolved; a number or duration
  // as written; what follows a $.
  std::string text;
  // kString: where in `text` the stars are that were not escaped.
  std::vector<size_t> stars;
};

// INVALID_ARGUMENT, reason INVALID_FILTER, "position" in the metadata.
Status FilterError(size_t position, std::string message);

// All tokens, kEnd last. FilterError on: more than kMaxFilterBytes, invalid
// UTF-8, NUL (also as \u0000), half a surrogate pair, an unknown escape, an
// unterminated string, a malformed number, a character that begins no token.
Result<std::vector<Token>> Tokenize(std::string_view text);

}  // namespace storegate::query

#include "server/query/tokenizer.h"

#include <utility>

#include "server/base/text.h"

namespace storegate::query {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNameChar(char c) { return IsNameStart(c) || IsDigit(c); }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> Run() {
    while (true) {
      SkipSpace();
      if (at_ == text_.size()) break;
      Token token;
      token.position = at_;
      if (Status status = Next(&token); !status.ok()) return status;
      token.size = at_ - token.position;
      tokens_.push_back(std::move(token));
    }
    Token end;
    end.position = at_;
    tokens_.push_back(std::move(end));
    return std::move(tokens_);
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void SkipSpace() {
    while (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r') ++at_;
  }

  bool After(TokenKind kind) const { return !tokens_.empty() && tokens_.back().kind == kind; }

  // "a = -5" has a number, "-5" alone would be "not 5".
  bool SignMayStandHere() const {
    if (tokens_.empty()) return false;
    switch (tokens_.back().kind) {
      case TokenKind::kEq:
      case TokenKind::kNe:
      case TokenKind::kLt:
      case TokenKind::kLe:
      case TokenKind::kGt:
      case TokenKind::kGe:
      case TokenKind::kColon:
      case TokenKind::kLeftParen:
      case TokenKind::kComma: return true;
      default: return false;
    }
  }

  std::string ReadName() {
    const size_t start = at_;
    while (IsNameChar(Peek())) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  Status Next(Token* token) {
    const char c = Peek();
    const bool name = After(TokenKind::kDot) ? IsNameChar(c) : IsNameStart(c);
    if (name) {
      const bool keyword_may_stand = !After(TokenKind::kDot);
      token->kind = TokenKind::kName;
      token->text = ReadName();
      if (keyword_may_stand) {
        if (token->text == "AND") token->kind = TokenKind::kAnd;
        if (token->text == "OR") token->kind = TokenKind::kOr;
        if (token->text == "NOT") token->kind = TokenKind::kNot;
      }
      return {};
    }
    if (IsDigit(c) || (c == '-' && IsDigit(Peek(1)) && SignMayStandHere())) return Number(token);
    if (c == '"' || c == '\'') return String(token);
    ++at_;
    const bool equals = Peek() == '=';
    switch (c) {
      case '$':
        token->kind = TokenKind::kDollar;
        if (IsNameStart(Peek())) token->text = ReadName();
        return {};
      case '.': token->kind = TokenKind::kDot; return {};
      case ',': token->kind = TokenKind::kComma; return {};
      case '(': token->kind = TokenKind::kLeftParen; return {};
      case ')': token->kind = TokenKind::kRightParen; return {};
      case '-': token->kind = TokenKind::kMinus; return {};
      case '*': token->kind = TokenKind::kStar; return {};
      case ':': token->kind = TokenKind::kColon; return {};
      case '=': token->kind = TokenKind::kEq; return {};
      case '<': token->kind = equals ? TokenKind::kLe : TokenKind::kLt; break;
      case '>': token->kind = equals ? TokenKind::kGe : TokenKind::kGt; break;
      case '!':
        token->kind = TokenKind::kNe;
        if (!equals) return FilterError(token->position, "\"!\" stands only in \"!=\"");
        break;
      default: {
        // The whole character, whose other bytes follow.
        size_t end = at_;
        while (end < text_.size() && (static_cast<uint8_t>(text_[end]) & 0xC0) == 0x80) ++end;
        return FilterError(token->position,
                           Quoted(text_.substr(token->position, end - token->position)) +
                               " is no part of a predicate; texts stand in quotes");
      }
    }
    if (equals) ++at_;
    return {};
  }

  bool ReadDigits() {
    const size_t start = at_;
    while (IsDigit(Peek())) ++at_;
    return at_ > start;
  }

  Status Number(Token* token) {
    token->kind = TokenKind::kNumber;
    if (Peek() == '-') ++at_;
    bool good = ReadDigits();
    if (good && Peek() == '.') {
      ++at_;
      good = ReadDigits();
    }
    if (good && Peek() == 's' && !IsNameChar(Peek(1))) {
      ++at_;
      token->kind = TokenKind::kDuration;
    } else if (good && (Peek() == 'e' || Peek() == 'E')) {
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      good = ReadDigits();
    }
    if (!good || IsNameChar(Peek()) || Peek() == '.') {
      while (IsNameChar(Peek()) || Peek() == '.') ++at_;
      return FilterError(token->position,
                         Quoted(text_.substr(token->position, at_ - token->position)) +
                             " is not a number; texts stand in quotes");
    }
    token->text = text_.substr(token->position, at_ - token->position);
    return {};
  }

  Status String(Token* token) {
    token->kind = TokenKind::kString;
    const char quote = text_[at_++];
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        return {};
      }
      if (c == '\\') {
        if (Status status = Escape(&token->text); !status.ok()) return status;
        continue;
      }
      if (c == '*') token->stars.push_back(token->text.size());
      token->text.push_back(c);
      ++at_;
    }
    return FilterError(token->position, "this string has no end; close it with its quote");
  }

  Status Escape(std::string* out) {
    const size_t start = at_++;
    const char c = Peek();
    switch (c) {
      case '"':
      case '\'':
      case '\\':
      case '*': out->push_back(c); break;
      case 'n': out->push_back('\n'); break;
      case 'r': out->push_back('\r'); break;
      case 't': out->push_back('\t'); break;
      case 'u': ++at_; return UnicodeEscape(start, out);
      default:
        return FilterError(start,
                           "unknown escape; known are \\\" \\' \\\\ \\n \\r \\t \\uXXXX \\*");
    }
    ++at_;
    return {};
  }

  // Four hex digits; -1 where there are none.
  int64_t ReadHex4() {
    int64_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = HexValue(Peek(i));
      if (digit < 0) return -1;
      value = value << 4 | digit;
    }
    at_ += 4;
    return value;
  }

  Status UnicodeEscape(size_t start, std::string* out) {
    int64_t code = ReadHex4();
    if (code < 0) return FilterError(start, "\\u takes four hex digits");
    if (code >= 0xD800 && code < 0xDC00 && Peek() == '\\' && Peek(1) == 'u') {
      at_ += 2;
      const int64_t low = ReadHex4();
      if (low < 0xDC00 || low > 0xDFFF) return FilterError(start, "half a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code >= 0xD800 && code <= 0xDFFF) return FilterError(start, "half a surrogate pair");
    if (code == 0) return FilterError(start, "strings hold no NUL");
    AppendUtf8(static_cast<char32_t>(code), out);
    return {};
  }

  const std::string_view text_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Status FilterError(size_t position, std::string message) {
  Status status(Code::kInvalidArgument, "INVALID_FILTER",
                "at byte " + std::to_string(position) + ": " + std::move(message));
  status.With("position", std::to_string(position));
  return status;
}

Result<std::vector<Token>> Tokenize(std::string_view text) {
  if (text.size() > kMaxFilterBytes) {
    return FilterError(kMaxFilterBytes, "a predicate has at most " +
                                            std::to_string(kMaxFilterBytes) + " bytes; this has " +
                                            std::to_string(text.size()));
  }
  if (const size_t bad = FindInvalidUtf8(text); bad != std::string_view::npos) {
    return FilterError(bad, "not valid UTF-8");
  }
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return FilterError(nul, "texts hold no NUL");
  }
  return Tokenizer(text).Run();
}

}  // namespace storegate::query

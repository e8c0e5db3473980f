#include "server/adapters/sqlite/describe_tokens.h"

#include <algorithm>
#include <array>

#include <sqlite3.h>

#include "server/migrate/ddl.h"

namespace storegate::sqlite {
namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What a word may begin with; all beyond ASCII may (sqlite's CC_KYWD and CC_ID).
bool BeginsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool InWord(char c) { return BeginsWord(c) || IsDigit(c) || c == '$'; }

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// The position behind the quotation that begins at `at`; `end` closes it, doubled it does
// not. Into `inside`, where it is given, what it says.
size_t ReadQuoted(std::string_view sql, size_t at, char end, bool doubled, std::string* inside) {
  for (size_t i = at + 1; i < sql.size(); ++i) {
    if (sql[i] == end) {
      if (!doubled || i + 1 >= sql.size() || sql[i + 1] != end) return i + 1;
      ++i;
    }
    if (inside != nullptr) *inside += sql[i];
  }
  return sql.size();
}

size_t ReadNumber(std::string_view sql, size_t at) {
  const auto digit = [&](size_t i) { return i < sql.size() && (InWord(sql[i]) || sql[i] == '.'); };
  size_t i = at;
  while (digit(i)) {
    const bool exponent = Upper(sql[i]) == 'E' && Upper(sql[std::min(at + 1, i)]) != 'X';
    ++i;
    if (exponent && i + 1 < sql.size() && (sql[i] == '+' || sql[i] == '-') &&
        IsDigit(sql[i + 1])) {
      ++i;
    }
  }
  return i;
}

size_t SymbolLength(std::string_view rest) {
  constexpr std::array<std::string_view, 10> kLong{"->>", "->", "||", "<=", ">=", "<>",
                                                   "!=",  "==", "<<", ">>"};
  for (const std::string_view symbol : kLong) {
    if (rest.starts_with(symbol)) return symbol.size();
  }
  return 1;
}

// Where the white space or comment at `at` ends; `at` itself where there is none.
size_t SkipBlank(std::string_view sql, size_t at) {
  if (IsSpace(sql[at])) return at + 1;
  if (sql.substr(at).starts_with("--")) return std::min(sql.find('\n', at), sql.size());
  if (sql.substr(at).starts_with("/*")) {
    const size_t end = sql.find("*/", at + 2);
    return end == std::string_view::npos ? sql.size() : end + 2;
  }
  return at;
}

bool IsKeyword(std::string_view word) {
  return sqlite3_keyword_check(word.data(), static_cast<int>(word.size())) != 0;
}

std::string Written(const Token& token, bool called) {
  switch (token.kind) {
    case Token::Kind::kName: return migrate::QuoteIdentifier(token.text);
    case Token::Kind::kWord: {
      std::string upper = UpperCase(token.text);
      if (upper == "TRUE" || upper == "FALSE" || IsKeyword(upper)) return upper;
      return called ? token.text : migrate::QuoteIdentifier(token.text);
    }
    default: return token.text;
  }
}

// Whether an operand may end with it, so that a sign behind it has two sides.
bool EndsOperand(const Token& token) {
  if (token.kind == Token::Kind::kSymbol) return token.text == ")";
  return token.kind != Token::Kind::kWord || !IsKeyword(token.text);
}

bool IsSign(const Token& token) { return token.text == "-" || token.text == "+"; }

}  // namespace

std::string UpperCase(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), Upper);
  return upper;
}

bool Token::Is(std::string_view word) const {
  if (kind != Kind::kWord && kind != Kind::kSymbol) return false;
  return std::ranges::equal(text, word, {}, Upper);
}

std::string Token::Name() const {
  if (kind != Kind::kString) return text;
  std::string name;
  ReadQuoted(text, text.find('\''), '\'', true, &name);
  return name;
}

size_t SkipBlanks(std::string_view sql, size_t at) {
  while (at < sql.size()) {
    const size_t behind = SkipBlank(sql, at);
    if (behind == at) break;
    at = behind;
  }
  return at;
}

std::vector<Token> Tokenize(std::string_view sql) {
  using Kind = Token::Kind;
  std::vector<Token> tokens;
  for (size_t i = 0; i < sql.size();) {
    if (const size_t behind = SkipBlank(sql, i); behind != i) {
      i = behind;
      continue;
    }
    const char c = sql[i];
    size_t end;
    if (c == '"' || c == '`' || c == '[') {
      std::string name;
      end = ReadQuoted(sql, i, c == '[' ? ']' : c, c != '[', &name);
      tokens.push_back({Kind::kName, std::move(name)});
    } else if (c == '\'' || (Upper(c) == 'X' && i + 1 < sql.size() && sql[i + 1] == '\'')) {
      end = ReadQuoted(sql, c == '\'' ? i : i + 1, '\'', true, nullptr);
      tokens.push_back({Kind::kString, std::string(sql.substr(i, end - i))});
    } else if (IsDigit(c) || (c == '.' && i + 1 < sql.size() && IsDigit(sql[i + 1]))) {
      end = ReadNumber(sql, i);
      tokens.push_back({Kind::kNumber, std::string(sql.substr(i, end - i))});
    } else if (BeginsWord(c)) {
      end = i;
      while (end < sql.size() && InWord(sql[end])) ++end;
      tokens.push_back({Kind::kWord, std::string(sql.substr(i, end - i))});
    } else {
      end = i + SymbolLength(sql.substr(i));
      tokens.push_back({Kind::kSymbol, std::string(sql.substr(i, end - i))});
    }
    i = end;
  }
  return tokens;
}

size_t Closing(const std::vector<Token>& tokens, size_t open) {
  int depth = 0;
  for (size_t i = open; i < tokens.size(); ++i) {
    if (tokens[i].Is("(")) ++depth;
    if (tokens[i].Is(")") && --depth == 0) return i + 1;
  }
  return tokens.size();
}

std::string Normalized(const std::vector<Token>& tokens, size_t from, size_t to) {
  std::string text;
  bool tight = true;  // no blank before the next
  for (size_t i = from; i < to; ++i) {
    const Token& token = tokens[i];
    const bool opens = i + 1 < to && tokens[i + 1].Is("(");
    const bool table = i > 0 && tokens[i - 1].Is("REFERENCES");
    const bool called =
        token.kind == Token::Kind::kWord && opens && !table && !IsKeyword(token.text);
    if (!tight && !token.Is(")") && !token.Is(",") && !token.Is(".")) text += ' ';
    text += Written(token, called);
    const bool sign = IsSign(token) && (i == from || !EndsOperand(tokens[i - 1]));
    tight = token.Is("(") || token.Is(".") || called || sign;
  }
  return text;
}

}  // namespace storegate::sqlite

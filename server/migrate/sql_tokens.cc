#include "server/migrate/sql_tokens.h"

#include <algorithm>
#include <cctype>

namespace storegate::migrate {
namespace {

using Kind = SqlToken::Kind;

bool IsSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool BeginsWord(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
}
bool InWord(char c) {
  return BeginsWord(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '$';
}

SqlToken Of(Kind kind, std::string_view rest, size_t length) {
  const bool closed = length != std::string_view::npos;
  return {kind, rest.substr(0, closed ? length : rest.size()), closed};
}

// Of `rest`, which begins with a quote behind `prefix` characters; npos where it does not
// end. A doubled quote is one of the quotation, and so is one behind a backslash.
size_t QuotedLength(std::string_view rest, size_t prefix, char quote, bool escapes) {
  for (size_t i = prefix + 1; i < rest.size(); ++i) {
    if (escapes && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == quote) {
      if (i + 1 == rest.size() || rest[i + 1] != quote) return i + 1;
      ++i;
    }
  }
  return std::string_view::npos;
}

// `$tag$ … $tag$`; 0 where no such quotation begins.
size_t DollarLength(std::string_view rest) {
  size_t end = 1;
  if (end < rest.size() && BeginsWord(rest[end])) {
    while (end < rest.size() && InWord(rest[end]) && rest[end] != '$') ++end;
  }
  if (end >= rest.size() || rest[end] != '$') return 0;
  const std::string_view tag = rest.substr(0, end + 1);
  const size_t close = rest.find(tag, tag.size());
  return close == std::string_view::npos ? close : close + tag.size();
}

size_t BlockCommentLength(std::string_view rest, bool nested) {
  size_t depth = 1;
  for (size_t i = 2; i + 1 < rest.size(); ++i) {
    if (rest[i] == '*' && rest[i + 1] == '/') {
      ++i;
      if (--depth == 0) return i + 1;
    } else if (nested && rest[i] == '/' && rest[i + 1] == '*') {
      ++i;
      ++depth;
    }
  }
  return std::string_view::npos;
}

}  // namespace

SqlToken NextToken(std::string_view sql, size_t at, const SqlSyntax& syntax) {
  if (at >= sql.size()) return {};
  const std::string_view rest = sql.substr(at);
  const char first = rest[0];
  if (IsSpace(first)) {
    const auto end = std::ranges::find_if_not(rest, IsSpace);
    return Of(Kind::kSpace, rest, static_cast<size_t>(end - rest.begin()));
  }
  if (rest.starts_with("--")) {
    const bool line_begins = at == 0 || sql[at - 1] == '\n';
    const Kind kind =
        line_begins && rest.starts_with(kSqlDirective) ? Kind::kDirective : Kind::kComment;
    return Of(kind, rest, std::min(rest.find('\n'), rest.size()));
  }
  if (rest.starts_with("/*")) {
    return Of(Kind::kComment, rest, BlockCommentLength(rest, syntax.nested_comments));
  }
  if (first == '\'' || first == '"' || (first == '`' && syntax.other_identifiers)) {
    return Of(Kind::kQuoted, rest, QuotedLength(rest, 0, first, false));
  }
  if (first == '[' && syntax.other_identifiers) {
    const size_t close = rest.find(']');
    return Of(Kind::kQuoted, rest, close == std::string_view::npos ? close : close + 1);
  }
  if (syntax.escape_strings && (first == 'E' || first == 'e') && rest.size() > 1 &&
      rest[1] == '\'') {
    return Of(Kind::kQuoted, rest, QuotedLength(rest, 1, '\'', true));
  }
  if (first == '$' && syntax.dollar_quotes) {
    if (const size_t length = DollarLength(rest); length > 0) {
      return Of(Kind::kQuoted, rest, length);
    }
  }
  if (InWord(first)) {
    const auto end = std::ranges::find_if_not(rest, InWord);
    return Of(Kind::kWord, rest, static_cast<size_t>(end - rest.begin()));
  }
  return Of(Kind::kSymbol, rest, 1);
}

std::string_view DirectiveText(std::string_view directive) {
  directive.remove_prefix(kSqlDirective.size());
  while (!directive.empty() && IsSpace(directive.front())) directive.remove_prefix(1);
  while (!directive.empty() && IsSpace(directive.back())) directive.remove_suffix(1);
  return directive;
}

bool IsWord(std::string_view word, std::string_view upper) {
  return std::ranges::equal(word, upper, {}, [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
}

}  // namespace storegate::migrate

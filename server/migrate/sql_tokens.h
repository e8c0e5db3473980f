// SQL texts in tokens, as far as it takes to know where statements and comments end.
// Source: PostgreSQL 15, 4.1 "Lexical Structure"; sqlite.org/lang_comment, lang_keywords.
#pragma once

#include <cstddef>
#include <string_view>

#include "server/migrate/ddl.h"

namespace storegate::migrate {

// What a line begins with that says how a migration is run.
inline constexpr std::string_view kSqlDirective = "-- storegate:";

struct SqlToken {
  enum class Kind {
    kEnd,        // of the text
    kSpace,
    kWord,       // a key word, an identifier without quotes, a number
    kQuoted,     // a text or an identifier in quotes, of whichever kind
    kComment,
    kDirective,  // a line that begins with `-- storegate:`, without its line feed
    kSymbol,     // one character
  };
  Kind kind = Kind::kEnd;
  std::string_view text;
  bool closed = true;  // false for a quotation or comment that the text ends in
};

// The token that begins at `at`, which is 0 or behind another. Linear in its length.
SqlToken NextToken(std::string_view sql, size_t at, const SqlSyntax& syntax);

// What is behind `-- storegate:`, white space around it aside.
std::string_view DirectiveText(std::string_view directive);

// Whether `word` is `upper`, in whatever case.
bool IsWord(std::string_view word, std::string_view upper);

}  // namespace storegate::migrate

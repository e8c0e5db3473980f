// The words of SQL as SQLite reads it (sqlite.org/lang.html), and a way to write them that
// is one for all texts that mean the same to it: names in double quotes, keywords in upper
// case, single blanks, no comments. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace storegate::sqlite {

struct Token {
  enum class Kind {
    kWord,    // a keyword or a name without quotes
    kName,    // a name in "…", `…` or […]
    kString,  // '…' or x'…', as it is written
    kNumber,
    kSymbol,  // "(", ",", ">=" …
  };
  Kind kind = Kind::kSymbol;
  // As it is written; kName: the name itself, without quotes.
  std::string text;

  // Whether it is this keyword or symbol. `word` is in upper case.
  bool Is(std::string_view word) const;
  bool names() const { return kind == Kind::kWord || kind == Kind::kName || kind == Kind::kString; }
  // Of one that names something: a string may name, where SQLite expects a name.
  std::string Name() const;
};

// ASCII alone, as SQLite compares keywords and names.
std::string UpperCase(std::string_view text);

// The position of what is neither white space nor comment, from `at` on.
size_t SkipBlanks(std::string_view sql, size_t at);

// White space and comments are left out. Quotes that do not end, end with the text.
std::vector<Token> Tokenize(std::string_view sql);

// The index of the token behind the ")" that belongs to the "(" at `open`; the number of
// tokens where there is none. REQUIRES: tokens[open] is "(".
size_t Closing(const std::vector<Token>& tokens, size_t open);

// Tokens [from, to) as one text. Words that SQLite knows are keywords, others are names and
// get quotes, but for what is called as a function and what is true or false.
std::string Normalized(const std::vector<Token>& tokens, size_t from, size_t to);

}  // namespace storegate::sqlite

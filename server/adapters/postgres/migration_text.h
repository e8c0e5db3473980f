// Scripts as PostgreSQL reads them, cut into statements and words: as much of its syntax as
// migrations need to be run one by one, and errors to be told by line. Source:
// postgresql.org/docs/15/sql-syntax-lexical.html.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace storegate::postgres {

struct Word {
  enum class Kind {
    kName,    // keyword or name, in lower case as PostgreSQL takes it
    kQuoted,  // "name", without its quotes
    kText,    // '…', $$…$$, empty here
    kSign,    // one character
  };
  Kind kind = Kind::kSign;
  std::string text;
  size_t begin = 0, end = 0;  // in the script

  bool Is(std::string_view name) const { return kind == Kind::kName && text == name; }
};

// Comments are no part of it.
struct Statement {
  std::vector<Word> words;  // one at least
  size_t begin() const { return words.front().begin; }
  size_t end() const { return words.back().end; }  // in front of its semicolon
};

// What PostgreSQL would run one after the other; of a script that does not end (an open
// quote) the last one goes to its end. The bodies of functions written in SQL
// (BEGIN ATOMIC … END) are one statement.
std::vector<Statement> StatementsOf(std::string_view script);

// The line, from 1, in which the byte is.
int LineAt(std::string_view script, size_t byte);
// Of the so-manieth character, from 1, of a UTF-8 text.
size_t ByteOfCharacter(std::string_view script, size_t character);

// Whether it begins or ends a transaction, which scripts must not.
bool IsBracket(const Statement& statement);

// CREATE or DROP INDEX CONCURRENTLY, of one index that has a name.
struct ConcurrentIndex {
  bool drop = false;
  bool unique = false;
  std::string name;   // drop: `schema` may be said
  std::string schema;
  // CREATE: the table as it is written, to be looked up by to_regclass.
  std::string table;
};
std::optional<ConcurrentIndex> ConcurrentIndexOf(std::string_view script,
                                                 const Statement& statement);

// The name of the extension that it creates; "" for what creates none.
std::string ExtensionOf(const Statement& statement);

// The statement's text without CONCURRENTLY, so that it can be in a transaction.
std::string WithoutConcurrently(std::string_view script, const Statement& statement);

// Whether the statement changes nothing that Describe shows and cannot be in a transaction
// (VACUUM).
bool IsUpkeep(const Statement& statement);

}  // namespace storegate::postgres

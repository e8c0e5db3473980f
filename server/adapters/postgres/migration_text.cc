#include "server/adapters/postgres/migration_text.h"

#include <algorithm>

namespace storegate::postgres {
namespace {

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Reads a script word by word.
class Reader {
 public:
  explicit Reader(std::string_view script) : script_(script) {}

  // False: there is none any more.
  bool Next(Word* word) {
    PassOver();
    if (at_ >= script_.size()) return false;
    *word = Word();
    word->begin = at_;
    const char c = script_[at_];
    if (c == '"') {
      word->kind = Word::Kind::kQuoted;
      ReadQuoted('"', false, &word->text);
    } else if (c == '\'') {
      word->kind = Word::Kind::kText;
      ReadQuoted('\'', false, nullptr);
    } else if (c == '$' && ReadDollars()) {
      word->kind = Word::Kind::kText;
    } else if (IsNameStart(c)) {
      ReadName(word);
    } else if (IsDigit(c)) {
      word->kind = Word::Kind::kText;
      while (at_ < script_.size() && (IsNameStart(script_[at_]) || IsDigit(script_[at_]))) ++at_;
    } else {
      word->text = c;
      ++at_;
    }
    word->end = at_;
    return true;
  }

 private:
  std::string_view Rest() const { return script_.substr(at_); }

  void PassOver() {
    while (at_ < script_.size()) {
      if (IsBlank(script_[at_])) {
        ++at_;
      } else if (Rest().starts_with("--")) {
        at_ = std::min(script_.find('\n', at_), script_.size());
      } else if (Rest().starts_with("/*")) {
        PassOverComment();
      } else {
        return;
      }
    }
  }

  // Comments may be in comments.
  void PassOverComment() {
    int depth = 0;
    while (at_ < script_.size()) {
      if (Rest().starts_with("/*")) {
        ++depth;
        at_ += 2;
      } else if (Rest().starts_with("*/")) {
        at_ += 2;
        if (--depth == 0) return;
      } else {
        ++at_;
      }
    }
  }

  // At a quote. A doubled one inside stands for one.
  void ReadQuoted(char quote, bool escapes, std::string* inside) {
    for (++at_; at_ < script_.size(); ++at_) {
      if (escapes && script_[at_] == '\\' && at_ + 1 < script_.size()) {
        ++at_;
      } else if (script_[at_] == quote) {
        if (at_ + 1 >= script_.size() || script_[at_ + 1] != quote) break;
        ++at_;
      }
      if (inside != nullptr) *inside += script_[at_];
    }
    at_ = std::min(at_ + 1, script_.size());
  }

  // $$…$$ or $tag$…$tag$. False: the dollar begins a parameter, or nothing.
  bool ReadDollars() {
    size_t end = at_ + 1;
    if (end < script_.size() && IsDigit(script_[end])) return false;
    while (end < script_.size() && (IsNameStart(script_[end]) || IsDigit(script_[end]))) ++end;
    if (end >= script_.size() || script_[end] != '$') return false;
    const std::string_view tag = script_.substr(at_, end + 1 - at_);
    const size_t close = script_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? script_.size() : close + tag.size();
    return true;
  }

  void ReadName(Word* word) {
    const size_t begin = at_;
    while (at_ < script_.size() &&
           (IsNameStart(script_[at_]) || IsDigit(script_[at_]) || script_[at_] == '$')) {
      ++at_;
    }
    word->kind = Word::Kind::kName;
    word->text = script_.substr(begin, at_ - begin);
    for (char& c : word->text) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    const char next = at_ < script_.size() ? script_[at_] : '\0';
    const std::string& name = word->text;
    if (next == '\'' && (name == "e" || name == "b" || name == "x" || name == "n")) {
      word->kind = Word::Kind::kText;
      ReadQuoted('\'', name == "e", nullptr);
      word->text.clear();
    } else if (name == "u" && (Rest().starts_with("&'") || Rest().starts_with("&\""))) {
      word->kind = next == '\'' ? Word::Kind::kText : Word::Kind::kQuoted;
      ++at_;
      word->text.clear();
      ReadQuoted(script_[at_], false, &word->text);
    }
  }

  const std::string_view script_;
  size_t at_ = 0;
};

// Where a semicolon ends the statement: not within parentheses, nor within the body of a
// function. As psql decides it (src/fe_utils/psqlscan.l).
class Nesting {
 public:
  void See(const Statement& statement) {
    const Word& word = statement.words.back();
    if (word.kind == Word::Kind::kSign) {
      if (word.text == "(") ++parentheses_;
      if (word.text == ")" && parentheses_ > 0) --parentheses_;
    }
    if (word.kind != Word::Kind::kName || !MakesRoutine(statement)) return;
    if (word.text == "begin" || (word.text == "case" && blocks_ > 0)) ++blocks_;
    if (word.text == "end" && blocks_ > 0) --blocks_;
  }
  bool open() const { return parentheses_ > 0 || blocks_ > 0; }

 private:
  static bool MakesRoutine(const Statement& statement) {
    const std::vector<Word>& words = statement.words;
    if (!words[0].Is("create")) return false;
    const size_t at = words.size() > 3 && words[1].Is("or") && words[2].Is("replace") ? 3 : 1;
    return words.size() > at && (words[at].Is("function") || words[at].Is("procedure"));
  }

  int parentheses_ = 0, blocks_ = 0;
};

bool Begins(const Statement& statement, std::initializer_list<std::string_view> names) {
  size_t at = 0;
  for (const std::string_view name : names) {
    if (at >= statement.words.size() || !statement.words[at++].Is(name)) return false;
  }
  return true;
}

bool IsName(const Word& word) {
  return word.kind == Word::Kind::kName || word.kind == Word::Kind::kQuoted;
}

}  // namespace

std::vector<Statement> StatementsOf(std::string_view script) {
  std::vector<Statement> statements;
  Statement statement;
  Nesting nesting;
  Reader reader(script);
  Word word;
  while (reader.Next(&word)) {
    if (word.kind == Word::Kind::kSign && word.text == ";" && !nesting.open()) {
      if (!statement.words.empty()) statements.push_back(std::move(statement));
      statement = Statement();
      nesting = Nesting();
      continue;
    }
    statement.words.push_back(std::move(word));
    nesting.See(statement);
  }
  if (!statement.words.empty()) statements.push_back(std::move(statement));
  return statements;
}

int LineAt(std::string_view script, size_t byte) {
  const std::string_view before = script.substr(0, std::min(byte, script.size()));
  return 1 + static_cast<int>(std::ranges::count(before, '\n'));
}

size_t ByteOfCharacter(std::string_view script, size_t character) {
  size_t byte = 0, seen = 0;
  for (; byte < script.size(); ++byte) {
    if ((static_cast<unsigned char>(script[byte]) & 0xc0) != 0x80 && ++seen == character) break;
  }
  return byte;
}

bool IsBracket(const Statement& statement) {
  const std::vector<Word>& words = statement.words;
  if (words[0].Is("rollback")) {
    // ROLLBACK [WORK | TRANSACTION] TO …: within the transaction.
    const size_t at =
        words.size() > 1 && (words[1].Is("work") || words[1].Is("transaction")) ? 2 : 1;
    return words.size() <= at || !words[at].Is("to");
  }
  return words[0].Is("begin") || words[0].Is("commit") || words[0].Is("end") ||
         words[0].Is("abort") || Begins(statement, {"start", "transaction"}) ||
         Begins(statement, {"prepare", "transaction"});
}

std::optional<ConcurrentIndex> ConcurrentIndexOf(std::string_view script,
                                                 const Statement& statement) {
  const std::vector<Word>& words = statement.words;
  ConcurrentIndex index;
  size_t at = 1;
  const auto take = [&](std::string_view name) {
    return at < words.size() && words[at].Is(name) && ++at > 0;
  };
  const auto sign = [&](std::string_view text) {
    return at < words.size() && words[at].kind == Word::Kind::kSign && words[at].text == text;
  };
  index.drop = words[0].Is("drop");
  if (!index.drop && !words[0].Is("create")) return std::nullopt;
  index.unique = !index.drop && take("unique");
  if (!take("index") || !take("concurrently")) return std::nullopt;
  if (take("if") && !((index.drop || take("not")) && take("exists"))) return std::nullopt;
  if (at >= words.size() || !IsName(words[at])) return std::nullopt;
  if (!index.drop && words[at].Is("on")) return std::nullopt;  // PostgreSQL names it
  index.name = words[at++].text;
  if (index.drop) {
    if (sign(".") && at + 1 < words.size()) {
      index.schema = std::move(index.name);
      index.name = words[at + 1].text;
      at += 2;
    }
    if (sign(",")) return std::nullopt;  // of several; PostgreSQL refuses it
    return index;
  }
  if (!take("on")) return std::nullopt;
  take("only");
  if (at >= words.size() || !IsName(words[at])) return std::nullopt;
  const size_t begin = words[at].begin;
  size_t end = words[at++].end;
  while (sign(".") && at + 1 < words.size()) {
    end = words[at + 1].end;
    at += 2;
  }
  index.table = script.substr(begin, end - begin);
  return index;
}

std::string ExtensionOf(const Statement& statement) {
  if (!Begins(statement, {"create", "extension"})) return "";
  const size_t at = Begins(statement, {"create", "extension", "if", "not", "exists"}) ? 5 : 2;
  const bool named = at < statement.words.size() && IsName(statement.words[at]);
  return named ? statement.words[at].text : "";
}

std::string WithoutConcurrently(std::string_view script, const Statement& statement) {
  std::string text;
  size_t begin = statement.begin();
  for (const Word& word : statement.words) {
    if (!word.Is("concurrently")) continue;
    text += script.substr(begin, word.begin - begin);
    begin = word.end;
  }
  return text + std::string(script.substr(begin, statement.end() - begin));
}

bool IsUpkeep(const Statement& statement) {
  return Begins(statement, {"vacuum"}) || Begins(statement, {"reindex"}) ||
         Begins(statement, {"cluster"}) || Begins(statement, {"checkpoint"}) ||
         Begins(statement, {"alter", "system"}) || Begins(statement, {"create", "database"}) ||
         Begins(statement, {"drop", "database"}) || Begins(statement, {"create", "tablespace"}) ||
         Begins(statement, {"drop", "tablespace"});
}

}  // namespace storegate::postgres

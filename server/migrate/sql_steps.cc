#include "server/migrate/sql_steps.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "server/base/text.h"
#include "server/migrate/sql_tokens.h"

namespace storegate::migrate {

using repository::Step;

namespace {

using Kind = SqlToken::Kind;

constexpr std::string_view kTransactionWords[] = {"BEGIN", "START", "COMMIT", "END", "ABORT"};

struct Statement {
  std::string_view text;
  int line = 1;
};

// Knows where a statement ends: a semicolon inside of the body of a trigger, function or
// procedure (BEGIN … END) is none.
class BodyWatch {
 public:
  void OnWord(std::string_view word) {
    if (words_++ == 0) {
      creates_ = IsWord(word, "CREATE");
      return;
    }
    if (creates_) {
      constexpr std::string_view kBetween[] = {"OR", "REPLACE", "TEMP", "TEMPORARY", "CONSTRAINT"};
      creates_ = std::ranges::any_of(
          kBetween, [&](std::string_view between) { return IsWord(word, between); });
      may_have_body_ = IsWord(word, "TRIGGER") || IsWord(word, "FUNCTION") ||
                       IsWord(word, "PROCEDURE");
      return;
    }
    if (!may_have_body_) return;
    if (IsWord(word, "BEGIN")) {
      if (depth_ == 0) depth_ = 1;
    } else if (depth_ > 0 && IsWord(word, "CASE")) {
      ++depth_;
    } else if (depth_ > 0 && IsWord(word, "END")) {
      --depth_;
    }
  }
  bool inside() const { return depth_ > 0; }

 private:
  int words_ = 0;
  bool creates_ = false;  // CREATE, and nothing yet of what
  bool may_have_body_ = false;
  int depth_ = 0;
};

class Cutter {
 public:
  Cutter(const std::string& file, std::string_view sql, const SqlSyntax& syntax)
      : file_(file), sql_(sql), syntax_(syntax) {}

  Result<Script> Run() {
    for (size_t at = 0; at < sql_.size();) {
      const SqlToken token = NextToken(sql_, at, syntax_);
      if (!token.closed) return DoesNotEnd(token);
      Status status = token.kind == Kind::kDirective ? OnDirective(token) : OnToken(token, at);
      if (!status.ok()) return status;
      line_ += static_cast<int>(std::ranges::count(token.text, '\n'));
      at += token.text.size();
    }
    if (Status status = EndSection(); !status.ok()) return status;
    return std::move(script_);
  }

 private:
  Status Bad(int line, const std::string& why) const {
    return Status(Code::kInvalidArgument, "INVALID_MIGRATION",
                  file_ + ":" + std::to_string(line) + ": " + why)
        .With("file", file_)
        .With("line", std::to_string(line));
  }

  Status DoesNotEnd(const SqlToken& token) const {
    return Bad(line_, std::string("The ") +
                          (token.kind == Kind::kComment ? "comment" : "quotation") +
                          " that begins here, " + Quoted(token.text) + ", does not end.");
  }

  Status OnToken(const SqlToken& token, size_t at) {
    if (token.kind == Kind::kSpace || (token.kind == Kind::kComment && !open_)) {
      // A comment before a transaction's first statement belongs to it.
      if (token.kind == Kind::kComment && section_begin_ == std::string_view::npos) {
        section_begin_ = at;
        section_line_ = line_;
      }
      return {};
    }
    if (!open_) {
      if (token.text == ";") return {};
      open_ = true;
      statement_begin_ = at;
      statement_line_ = line_;
      body_ = {};
      if (std::ranges::any_of(kTransactionWords, [&](std::string_view word) {
            return token.kind == Kind::kWord && IsWord(token.text, word);
          })) {
        return Bad(line_, "The statement " + std::string(token.text) +
                              " would end or begin a transaction. What is to be one is said by "
                              "lines as `-- storegate: no transaction`.");
      }
      if (section_begin_ == std::string_view::npos) {
        section_begin_ = at;
        section_line_ = line_;
      }
    }
    if (token.kind == Kind::kWord) body_.OnWord(token.text);
    if (token.kind != Kind::kComment) section_end_ = at + token.text.size();
    if (token.text == ";" && !body_.inside()) EndStatement();
    return {};
  }

  void EndStatement() {
    statements_.push_back(
        {sql_.substr(statement_begin_, section_end_ - statement_begin_), statement_line_});
    open_ = false;
  }

  Status EndSection() {
    if (open_ && body_.inside()) {
      return Bad(statement_line_, "The statement that begins here does not end: its BEGIN has no "
                                  "END.");
    }
    if (open_) EndStatement();
    Step step;
    step.kind = kind_;
    if (kind_ == Step::Kind::kRepeat) {
      if (statements_.size() != 1) {
        return Bad(section_at_, "`repeat` is followed by " + std::to_string(statements_.size()) +
                                    " statements, but must be by one, up to the next directive.");
      }
      step.total = total_;
    }
    if (kind_ == Step::Kind::kTransaction && !statements_.empty()) {
      step.script = sql_.substr(section_begin_, section_end_ - section_begin_);
      step.line = section_line_;
      script_.steps.push_back(std::move(step));
    } else {
      for (const Statement& statement : statements_) {
        step.script = statement.text;
        step.line = statement.line;
        script_.steps.push_back(step);
      }
    }
    statements_.clear();
    section_begin_ = std::string_view::npos;
    return {};
  }

  Status Begin(Step::Kind kind) {
    Status status = EndSection();
    kind_ = kind;
    section_at_ = line_;
    return status;
  }

  Status OnDirective(const SqlToken& token) {
    const std::string_view text = DirectiveText(token.text);
    const std::string_view word = text.substr(0, text.find_first_of(" \t,"));
    std::string_view rest = text.substr(word.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (open_) {
      return Bad(line_, "The directive " + Quoted(text) + " stands inside of the statement that "
                        "begins in line " + std::to_string(statement_line_) +
                            ". End the statement with a semicolon.");
    }
    if (word == "transaction" && rest.empty()) return Begin(Step::Kind::kTransaction);
    if (word == "no" && rest == "transaction") return Begin(Step::Kind::kNoTransaction);
    if (word == "repeat") return OnRepeat(rest);
    if (word == "refold") return OnRefold(rest);
    if (word == "needs") return OnNeeds(rest);
    return Bad(line_, "There is no directive " + Quoted(text) +
                          ". It is one of: transaction; no transaction; repeat; refold "
                          "table.column; needs 7; needs this.");
  }

  Status OnRepeat(std::string_view rest) {
    std::string_view total;
    if (rest.starts_with(',')) {
      total = rest.substr(1);
      total.remove_prefix(std::min(total.find_first_not_of(" \t"), total.size()));
      constexpr std::string_view kWord = "total ";
      if (!total.starts_with(kWord) || total.size() == kWord.size()) {
        return Bad(line_, "Behind `repeat,` must be `total` and a statement that counts the rows, "
                          "but there is " + Quoted(total) + ".");
      }
      total.remove_prefix(kWord.size());
    } else if (!rest.empty()) {
      return Bad(line_, "Behind `repeat` is " + Quoted(rest) +
                            ". It stands alone, or as `repeat, total SELECT …`.");
    }
    Status status = Begin(Step::Kind::kRepeat);
    total_ = total;
    return status;
  }

  Status OnRefold(std::string_view rest) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    if (dot == 0 || dot + 1 >= rest.size() ||
        rest.find_first_of(". \t", dot + 1) != std::string_view::npos ||
        rest.substr(0, dot).find_first_of(" \t") != std::string_view::npos) {
      return Bad(line_, "Behind `refold` must be a table and a column, as in `refold "
                        "books.title`, but there is " + Quoted(rest) + ".");
    }
    if (Status status = Begin(Step::Kind::kTransaction); !status.ok()) return status;
    Step step;
    step.kind = Step::Kind::kRefold;
    step.table = rest.substr(0, dot);
    step.column = rest.substr(dot + 1);
    step.line = line_;
    script_.steps.push_back(std::move(step));
    return {};
  }

  Status OnNeeds(std::string_view rest) {
    if (script_.needs != 0) return Bad(line_, "The file says twice what it needs.");
    if (rest == "this") {
      script_.needs = Script::kNeedsThis;
      return {};
    }
    int number = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (read.ec != std::errc() || read.ptr != rest.data() + rest.size() || number <= 0) {
      return Bad(line_, "Behind `needs` must be the number of a migration, or `this`, but there "
                        "is " + Quoted(rest) + ".");
    }
    script_.needs = number;
    return {};
  }

  const std::string& file_;
  const std::string_view sql_;
  const SqlSyntax& syntax_;
  Script script_;
  int line_ = 1;
  // The section that is read, and where its directive is.
  Step::Kind kind_ = Step::Kind::kTransaction;
  int section_at_ = 1;
  std::string total_;
  size_t section_begin_ = std::string_view::npos, section_end_ = 0;
  int section_line_ = 1;
  std::vector<Statement> statements_;
  // The statement that is read, if one is.
  bool open_ = false;
  size_t statement_begin_ = 0;
  int statement_line_ = 1;
  BodyWatch body_;
};

}  // namespace

Result<Script> SqlSteps(const std::string& file, std::string_view sql, const SqlSyntax& syntax) {
  return Cutter(file, sql, syntax).Run();
}

std::string SignificantSql(std::string_view sql, const SqlSyntax& syntax) {
  std::string kept;
  const auto blank = [&] {
    if (!kept.empty() && kept.back() != ' ' && kept.back() != '\n') kept += ' ';
  };
  for (size_t at = 0; at < sql.size();) {
    const SqlToken token = NextToken(sql, at, syntax);
    at += token.text.size();
    switch (token.kind) {
      case Kind::kSpace:
      case Kind::kComment: blank(); break;
      case Kind::kDirective: {
        // With its white space as blanks, on a line of its own.
        if (!kept.empty() && kept.back() == ' ') kept.back() = '\n';
        kept += kSqlDirective;
        const std::string_view text = DirectiveText(token.text);
        blank();
        for (const char c : text) {
          if (c == ' ' || c == '\t') {
            blank();
          } else {
            kept += c;
          }
        }
        kept += '\n';
        break;
      }
      default: kept += token.text;
    }
  }
  while (!kept.empty() && (kept.back() == ' ' || kept.back() == '\n')) kept.pop_back();
  return kept;
}

}  // namespace storegate::migrate

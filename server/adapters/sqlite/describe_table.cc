#include "server/adapters/sqlite/describe_table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/adapters/sqlite/describe_tokens.h"
#include "server/migrate/ddl.h"

namespace storegate::sqlite {

using repository::ColumnModel;
using repository::ReferenceModel;
using repository::TableModel;

namespace {

void Append(std::string* text, const std::string& more) {
  if (more.empty()) return;
  if (!text->empty()) *text += ' ';
  *text += more;
}

// What a reference says behind the word REFERENCES.
struct Target {
  std::string table;
  std::vector<std::string> columns;
  std::string rest;
};

// One table, from its first column on.
class TableParser {
 public:
  explicit TableParser(const std::vector<Token>& tokens) : tokens_(tokens) {}

  std::optional<TableModel> Parse() {
    // CREATE [TEMP] TABLE [IF NOT EXISTS] [schema.]name (
    if (!Take("CREATE")) return std::nullopt;
    if (!Take("TEMP")) Take("TEMPORARY");
    if (!Take("TABLE")) return std::nullopt;
    while (at_ < tokens_.size() && !tokens_[at_].Is("(")) ++at_;
    if (at_ == tokens_.size()) return std::nullopt;
    end_ = Closing(tokens_, at_) - 1;
    const size_t behind = end_ + 1;
    ++at_;
    while (at_ < end_ && !BeginsTableConstraint()) {
      ReadColumn();
      Take(",");
    }
    while (at_ < end_) {
      const size_t before = at_;
      ReadTableConstraint();
      Take(",");
      if (at_ == before) return std::nullopt;
    }
    if (behind < tokens_.size()) {
      table_.suffix = UpperCase(Normalized(tokens_, behind, tokens_.size()));
      // ROWID and STRICT are no keywords of SQLite's.
      std::erase(table_.suffix, '"');
    }
    if (table_.columns.empty()) return std::nullopt;
    return std::move(table_);
  }

 private:
  bool At(std::string_view word) const { return at_ < end_ && tokens_[at_].Is(word); }
  bool Next(std::string_view word) const { return at_ + 1 < end_ && tokens_[at_ + 1].Is(word); }
  bool Take(std::string_view word) {
    if (!At(word)) return false;
    ++at_;
    return true;
  }
  std::string TakeName() { return at_ < end_ ? tokens_[at_++].Name() : ""; }
  // "( … )" at this place, and the place behind it.
  std::string TakeInside() {
    if (!At("(")) return "";
    const size_t open = at_;
    at_ = std::min(Closing(tokens_, open), end_);
    return Normalized(tokens_, open + 1, at_ - 1);
  }
  // "ON CONFLICT IGNORE", or "".
  std::string TakeConflict() {
    if (!At("ON") || !Next("CONFLICT")) return "";
    const size_t from = at_;
    at_ = std::min(at_ + 3, end_);
    return Normalized(tokens_, from, at_);
  }
  std::string TakeConstraintName() { return Take("CONSTRAINT") ? TakeName() : ""; }

  bool BeginsTableConstraint() const {
    return At("CONSTRAINT") || At("PRIMARY") || At("UNIQUE") || At("CHECK") || At("FOREIGN");
  }
  bool BeginsColumnConstraint() const {
    return At("CONSTRAINT") || At("PRIMARY") || At("NOT") || At("NULL") || At("UNIQUE") ||
           At("CHECK") || At("DEFAULT") || At("COLLATE") || At("REFERENCES") || At("AS") ||
           (At("GENERATED") && Next("ALWAYS"));
  }

  void ReadColumn() {
    ColumnModel column;
    column.name = TakeName();
    ReadType(&column);
    while (at_ < end_ && !At(",")) {
      const size_t before = at_;
      const std::string name = TakeConstraintName();
      ReadColumnConstraint(name, &column);
      if (at_ == before) ++at_;  // nothing that SQLite would have taken
    }
    table_.columns.push_back(std::move(column));
  }

  // As it is written, but in upper case where it is not quoted: "VARCHAR(20)".
  void ReadType(ColumnModel* column) {
    while (at_ < end_ && tokens_[at_].names() && !BeginsColumnConstraint()) {
      const std::string word = UpperCase(tokens_[at_].Name());
      const bool plain = tokens_[at_++].kind == Token::Kind::kWord;
      Append(&column->type, plain ? word : migrate::QuoteIdentifier(word));
    }
    if (!column->type.empty() && At("(")) column->type += "(" + TakeInside() + ")";
  }

  void ReadColumnConstraint(const std::string& name, ColumnModel* column) {
    if (Take("PRIMARY")) {
      Take("KEY");
      std::string key = "PRIMARY KEY";
      if (Take("DESC")) key += " DESC";
      Take("ASC");
      Append(&key, TakeConflict());
      if (Take("AUTOINCREMENT")) key += " AUTOINCREMENT";
      Append(&column->rest, key);
    } else if (At("NOT") && Next("NULL")) {
      at_ += 2;
      column->not_null = true;
      if (const std::string conflict = TakeConflict(); !conflict.empty()) {
        Append(&column->rest, "NOT NULL " + conflict);
      }
    } else if (Take("NULL")) {
      TakeConflict();
    } else if (Take("UNIQUE")) {
      Append(&column->rest, "UNIQUE");
      Append(&column->rest, TakeConflict());
    } else if (Take("CHECK")) {
      AddCheck(name, TakeInside(), column);
      TakeConflict();
    } else if (Take("DEFAULT")) {
      column->default_value = TakeDefault();
    } else if (Take("COLLATE")) {
      Append(&column->type, "COLLATE " + Collation(TakeName()));
    } else if (Take("REFERENCES")) {
      AddReference(column->name, name, TakeTarget());
    } else if (At("GENERATED") || At("AS")) {
      if (Take("GENERATED")) Take("ALWAYS");
      Take("AS");
      std::string generated = "GENERATED ALWAYS AS (" + TakeInside() + ")";
      if (Take("STORED")) generated += " STORED";
      Take("VIRTUAL");
      Append(&column->rest, generated);
    }
  }

  static std::string Collation(const std::string& written) {
    const std::string name = UpperCase(written);
    const bool plain = std::ranges::all_of(
        name, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
    return plain ? name : migrate::QuoteIdentifier(name);
  }

  static void AddCheck(const std::string& name, const std::string& check, ColumnModel* column) {
    if (column->check.empty()) {
      column->check = check;
      column->check_name = name;
    } else {
      column->check = "(" + column->check + ") AND (" + check + ")";
    }
  }

  // `DEFAULT word` is the text 'word', but for what SQLite knows.
  std::string TakeDefault() {
    if (at_ >= end_) return "";
    if (At("(")) {
      const std::string inside = TakeInside();
      const std::vector<Token> value = Tokenize(inside);
      const bool literal = value.size() == 1 && value[0].kind != Token::Kind::kWord &&
                           value[0].kind != Token::Kind::kName;
      return literal ? inside : "(" + inside + ")";
    }
    const size_t from = at_++;
    if ((tokens_[from].Is("-") || tokens_[from].Is("+")) && at_ < end_) ++at_;
    const std::string text = Normalized(tokens_, from, at_);
    if (!text.starts_with('"')) return text;
    return migrate::QuoteText(tokens_[from].text);
  }

  std::vector<std::string> TakeColumnNames() {
    std::vector<std::string> names;
    if (!At("(")) return names;
    const size_t behind = std::min(Closing(tokens_, at_), end_);
    for (++at_; at_ + 1 < behind; ++at_) {
      if (!At(",")) names.push_back(tokens_[at_].Name());
    }
    at_ = behind;
    return names;
  }

  // Behind REFERENCES. What follows the columns is written in upper case, as it stands.
  Target TakeTarget() {
    Target target{TakeName(), {}, ""};
    target.columns = TakeColumnNames();
    const size_t from = at_;
    while (at_ < end_) {
      if (At("ON") && (Next("DELETE") || Next("UPDATE"))) {
        at_ += 2;
        if (At("SET") || At("NO")) ++at_;  // SET NULL, SET DEFAULT, NO ACTION
        ++at_;
      } else if (At("MATCH")) {
        at_ += 2;
      } else if (At("DEFERRABLE") || (At("NOT") && Next("DEFERRABLE"))) {
        at_ += At("NOT") ? 2 : 1;
        if (Take("INITIALLY")) ++at_;
      } else {
        break;
      }
    }
    at_ = std::min(at_, end_);
    target.rest = Normalized(tokens_, from, at_);
    return target;
  }

  void AddReference(const std::string& column, const std::string& name, Target target) {
    std::string referred = target.columns.empty() ? "" : std::move(target.columns[0]);
    table_.references.push_back(
        {column, std::move(target.table), std::move(referred), name, std::move(target.rest)});
  }

  ColumnModel* Column(std::string_view name) {
    for (ColumnModel& column : table_.columns) {
      if (UpperCase(column.name) == UpperCase(name)) return &column;
    }
    return nullptr;
  }

  // "(a)" or "(a ASC AUTOINCREMENT)" at `open`: the one column that a key is of, when
  // nothing else is said.
  ColumnModel* OneColumn(size_t open, size_t behind, bool* autoincrement) {
    *autoincrement = false;
    for (size_t i = open + 2; i + 1 < behind; ++i) {
      if (tokens_[i].Is("AUTOINCREMENT")) {
        *autoincrement = true;
      } else if (!tokens_[i].Is("ASC")) {
        return nullptr;
      }
    }
    return open + 1 < behind ? Column(tokens_[open + 1].Name()) : nullptr;
  }

  void ReadKey(std::string_view kind) {
    if (!At("(")) return;
    const size_t open = at_;
    const size_t behind = at_ = std::min(Closing(tokens_, open), end_);
    const std::string conflict = TakeConflict();
    bool autoincrement;
    ColumnModel* column = OneColumn(open, behind, &autoincrement);
    if (column != nullptr && conflict.empty()) {
      Append(&column->rest, std::string(kind) + (autoincrement ? " AUTOINCREMENT" : ""));
      return;
    }
    std::string text = std::string(kind) + " " + Normalized(tokens_, open, behind);
    Append(&text, conflict);
    table_.constraints.push_back(std::move(text));
  }

  void ReadTableConstraint() {
    const std::string name = TakeConstraintName();
    if (Take("PRIMARY")) {
      Take("KEY");
      ReadKey("PRIMARY KEY");
    } else if (Take("UNIQUE")) {
      ReadKey("UNIQUE");
    } else if (Take("CHECK")) {
      std::string check = name.empty() ? "" : "CONSTRAINT " + migrate::QuoteIdentifier(name);
      Append(&check, "CHECK (" + TakeInside() + ")");
      table_.constraints.push_back(std::move(check));
      TakeConflict();
    } else if (Take("FOREIGN")) {
      Take("KEY");
      const size_t from = at_;
      const std::vector<std::string> columns = TakeColumnNames();
      const size_t behind = at_;
      Take("REFERENCES");
      const size_t target_at = at_;
      Target target = TakeTarget();
      if (columns.size() == 1) {
        const ColumnModel* column = Column(columns[0]);
        AddReference(column == nullptr ? columns[0] : column->name, name, std::move(target));
      } else {
        table_.constraints.push_back("FOREIGN KEY " + Normalized(tokens_, from, behind) +
                                     " REFERENCES " + Normalized(tokens_, target_at, at_));
      }
    }
  }

  const std::vector<Token>& tokens_;
  size_t at_ = 0;
  size_t end_ = tokens_.size();
  TableModel table_;
};

}  // namespace

std::optional<TableModel> ParseTable(std::string_view sql) {
  const std::vector<Token> tokens = Tokenize(sql);
  return TableParser(tokens).Parse();
}

std::string IndexDefinition(std::string_view sql) {
  std::vector<Token> tokens = Tokenize(sql);
  size_t at = 0;
  while (at < tokens.size() && !tokens[at].Is("ON")) ++at;
  while (at < tokens.size() && !tokens[at].Is("(")) ++at;
  if (at == tokens.size()) return "";
  const size_t columns_end = Closing(tokens, at);
  int depth = 0;
  std::vector<Token> kept;
  for (size_t i = at; i < tokens.size(); ++i) {
    if (tokens[i].Is("(")) ++depth;
    if (tokens[i].Is(")")) --depth;
    if (i < columns_end && depth == 1 && tokens[i].Is("ASC")) continue;
    kept.push_back(std::move(tokens[i]));
  }
  return Normalized(kept, 0, kept.size());
}

}  // namespace storegate::sqlite

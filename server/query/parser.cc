#include "server/query/parser.h"

#include <optional>
#include <utility>

#include "server/base/text.h"

namespace storegate::query {
namespace {

std::optional<Operator> OperatorOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kEq: return Operator::kEq;
    case TokenKind::kNe: return Operator::kNe;
    case TokenKind::kLt: return Operator::kLt;
    case TokenKind::kLe: return Operator::kLe;
    case TokenKind::kGt: return Operator::kGt;
    case TokenKind::kGe: return Operator::kGe;
    case TokenKind::kColon: return Operator::kHas;
    default: return std::nullopt;
  }
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens)
      : text_(text), tokens_(std::move(tokens)) {}

  Result<Syntax> Run() {
    if (Next().kind == TokenKind::kEnd) return FilterError(0, "the predicate is empty");
    Result<Syntax> all = Conjunction();
    if (!all.ok()) return all;
    if (Next().kind != TokenKind::kEnd) return Unexpected("AND or the end");
    return all;
  }

 private:
  const Token& Next() const { return tokens_[at_]; }
  Token Take() { return std::move(tokens_[at_++]); }  // never of kEnd

  std::string Written(const Token& token) const {
    return Quoted(text_.substr(token.position, token.size));
  }

  Status Unexpected(std::string_view expected) const {
    const Token& token = Next();
    if (token.kind == TokenKind::kEnd) {
      return FilterError(token.position, std::string(expected) + " is missing at the end");
    }
    return FilterError(token.position,
                       std::string(expected) + " is expected, not " + Written(token));
  }

  // conjunction = comparison { "AND" comparison }
  Result<Syntax> Conjunction() {
    std::vector<Syntax> children;
    while (true) {
      Result<Syntax> child = OneComparison();
      if (!child.ok()) return child;
      children.push_back(*std::move(child));
      if (Next().kind != TokenKind::kAnd) break;
      Take();
    }
    if (children.size() == 1) return std::move(children[0]);
    Syntax all;
    all.kind = Syntax::Kind::kAnd;
    all.children = std::move(children);
    return all;
  }

  // comparison = path operator value
  Result<Syntax> OneComparison() {
    Syntax syntax;
    Comparison& comparison = syntax.comparison;
    if (Next().kind != TokenKind::kName) return Unexpected("the name of a field");
    if (++comparisons_ > kMaxComparisons) {
      return FilterError(Next().position, "a predicate has at most " +
                                              std::to_string(kMaxComparisons) + " comparisons");
    }
    comparison.path.push_back(Part());
    while (Next().kind == TokenKind::kDot) {
      Take();
      if (Next().kind != TokenKind::kName && Next().kind != TokenKind::kString) {
        return Unexpected("a name or a key in quotes");
      }
      if (comparison.path.size() == kMaxPathParts) {
        return FilterError(Next().position,
                           "a path has at most " + std::to_string(kMaxPathParts) + " names");
      }
      if (!Next().stars.empty()) return BareStar();
      comparison.path.push_back(Part());
    }
    const std::optional<Operator> op = OperatorOf(Next().kind);
    if (!op) return Unexpected("one of = != < <= > >= :");
    comparison.op = *op;
    comparison.op_position = Take().position;
    switch (Next().kind) {
      case TokenKind::kString:
        if (!Next().stars.empty()) return BareStar();
        break;
      case TokenKind::kNumber:
      case TokenKind::kDuration:
      case TokenKind::kName:
      case TokenKind::kDollar: break;
      default: return Unexpected("a value");
    }
    comparison.value = Take();
    return syntax;
  }

  PathPart Part() {
    Token token = Take();
    return {std::move(token.text), token.position};
  }

  Status BareStar() const {
    return FilterError(Next().position, "wildcards are not supported; write \\* for a star");
  }

  const std::string_view text_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int comparisons_ = 0;
};

}  // namespace

std::string_view OperatorText(Operator op) {
  switch (op) {
    case Operator::kEq: return "=";
    case Operator::kNe: return "!=";
    case Operator::kLt: return "<";
    case Operator::kLe: return "<=";
    case Operator::kGt: return ">";
    case Operator::kGe: return ">=";
    case Operator::kHas: return ":";
  }
  return "?";
}

Result<Syntax> ParseSyntax(std::string_view text) {
  Result<std::vector<Token>> tokens = Tokenize(text);
  if (!tokens.ok()) return tokens.status();
  return Parser(text, *std::move(tokens)).Run();
}

}  // namespace storegate::query

#include "server/query/parser.h"

#include <optional>
#include <utility>

#include "server/base/text.h"
#include "server/query/predicate.h"

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
    Result<Syntax> all = Expression();
    if (!all.ok()) return all;
    if (Next().kind != TokenKind::kEnd) return Unexpected("AND, OR or the end");
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

  // Parts with `between` between them; one alone is itself.
  Result<Syntax> Joined(Syntax::Kind kind, TokenKind between, Result<Syntax> (Parser::*part)()) {
    Syntax all;
    all.kind = kind;
    while (true) {
      Result<Syntax> child = (this->*part)();
      if (!child.ok()) return child;
      all.children.push_back(*std::move(child));
      if (Next().kind != between) break;
      Take();
    }
    if (all.children.size() == 1) return std::move(all.children[0]);
    return all;
  }

  // expression = factor { "AND" factor }
  Result<Syntax> Expression() {
    return Joined(Syntax::Kind::kAnd, TokenKind::kAnd, &Parser::Factor);
  }

  // factor = term { "OR" term }
  Result<Syntax> Factor() { return Joined(Syntax::Kind::kOr, TokenKind::kOr, &Parser::Term); }

  // term = [ "NOT" | "-" ] ( comparison | "(" expression ")" )
  Result<Syntax> Term() {
    const bool negated = Next().kind == TokenKind::kNot || Next().kind == TokenKind::kMinus;
    if (negated) Take();
    Result<Syntax> simple =
        Next().kind == TokenKind::kLeftParen ? InParentheses() : OneComparison();
    if (!negated || !simple.ok()) return simple;
    Syntax negation;
    negation.kind = Syntax::Kind::kNot;
    negation.children.push_back(*std::move(simple));
    return negation;
  }

  Result<Syntax> InParentheses() {
    if (++depth_ > kMaxNesting) {
      return FilterError(Next().position,
                         "parentheses are at most " + std::to_string(kMaxNesting) + " deep");
    }
    Take();
    Result<Syntax> inside = Expression();
    if (!inside.ok()) return inside;
    if (Next().kind != TokenKind::kRightParen) return Unexpected("AND, OR or \")\"");
    Take();
    --depth_;
    return inside;
  }

  // comparison = path ( operator value | "IN" "(" value { "," value } ")" )
  Result<Syntax> OneComparison() {
    Syntax syntax;
    Comparison& comparison = syntax.comparison;
    if (Next().kind != TokenKind::kName) return Unexpected("the name of a field");
    if (++comparisons_ > kMaxComparisons) {
      return FilterError(Next().position, "a predicate has at most " +
                                              std::to_string(kMaxComparisons) + " comparisons");
    }
    if (Status status = ReadPath(&comparison); !status.ok()) return status;
    comparison.op_position = Next().position;
    if (Next().kind == TokenKind::kName && (Next().text == "IN" || Next().text == "in")) {
      Take();
      if (Status status = ReadList(&comparison); !status.ok()) return status;
      return syntax;
    }
    const std::optional<Operator> op = OperatorOf(Next().kind);
    if (!op) return Unexpected("one of = != < <= > >= : IN");
    comparison.op = *op;
    Take();
    const bool dollar = Next().kind == TokenKind::kDollar;
    const bool star = Next().kind == TokenKind::kStar && *op == Operator::kHas;
    if (!dollar && !star && !IsLiteral()) return Unexpected("a value");
    comparison.values.push_back(Take());
    return syntax;
  }

  Status ReadPath(Comparison* comparison) {
    comparison->path.push_back(Part());
    while (Next().kind == TokenKind::kDot) {
      Take();
      if (Next().kind != TokenKind::kName && Next().kind != TokenKind::kString) {
        return Unexpected("a name or a key in quotes");
      }
      if (comparison->path.size() == kMaxPathParts) {
        return FilterError(Next().position,
                           "a path has at most " + std::to_string(kMaxPathParts) + " names");
      }
      if (!Next().stars.empty()) {
        return FilterError(Next().position, "keys have no wildcards; write \\* for a star");
      }
      comparison->path.push_back(Part());
    }
    return {};
  }

  bool IsLiteral() const {
    const TokenKind kind = Next().kind;
    return kind == TokenKind::kString || kind == TokenKind::kNumber ||
           kind == TokenKind::kDuration || kind == TokenKind::kName;
  }

  Status ReadList(Comparison* comparison) {
    if (Next().kind != TokenKind::kLeftParen) return Unexpected("\"(\"");
    do {
      Take();  // "(" or ","
      if (!IsLiteral()) return Unexpected("a value");
      if (comparison->values.size() == static_cast<size_t>(kMaxValues)) {
        return FilterError(Next().position,
                           "IN lists at most " + std::to_string(kMaxValues) + " values");
      }
      comparison->values.push_back(Take());
    } while (Next().kind == TokenKind::kComma);
    if (Next().kind != TokenKind::kRightParen) return Unexpected("\",\" or \")\"");
    Take();
    return {};
  }

  PathPart Part() {
    Token token = Take();
    return {std::move(token.text), token.position};
  }

  const std::string_view text_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int comparisons_ = 0;
  int depth_ = 0;
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

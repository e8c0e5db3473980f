// Template: the tree of what is written, its names looked up, its literals
// checked; Bind fills in what the request gives.
#include <optional>
#include <utility>

#include "server/base/text.h"
#include "server/query/parser.h"
#include "server/query/predicate.h"
#include "server/query/read_value.h"
#include "server/query/typing.h"
#include "server/query/wildcard.h"

namespace storegate::query {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Template::Node {
  Syntax::Kind kind = Syntax::Kind::kComparison;
  std::vector<Node> children;
  // kComparison:
  std::vector<const schema::Field*> through;  // embeds that lead to what is compared
  Path path;
  Operator op = Operator::kEq;
  Operand operand;
  // Where `request` is null: one or more literals, of which one that is no kWhole is a text.
  // None: whether the path is set.
  std::vector<Value> literals;
  Match match = Match::kWhole;
  const FieldDescriptor* request = nullptr;  // the request field that gives the value
  bool self = false;
};

namespace {

// Holds where it does for a record that the embeds lead to.
Predicate Related(const std::vector<const schema::Field*>& through, Predicate predicate) {
  for (auto embed = through.rbegin(); embed != through.rend(); ++embed) {
    Predicate related;
    related.kind = Predicate::Kind::kRelated;
    related.path.field = *embed;
    related.path.type = schema::Type::kMessage;
    related.path.presence = (*embed)->presence;
    related.children.push_back(std::move(predicate));
    predicate = std::move(related);
  }
  return predicate;
}

// What a path through other records may be compared by.
Status CheckThrough(const ResolvedPath& resolved, const Comparison& comparison) {
  const bool presence = comparison.values[0].kind == TokenKind::kStar;
  if (resolved.path.field == nullptr && !presence) {
    return FilterError(comparison.path.back().position,
                       resolved.written + " is a record; compare one of its fields, or ask "
                                          "whether it is there with : *");
  }
  if (presence || (comparison.op == Operator::kHas && comparison.values.size() == 1)) return {};
  for (const schema::Field* embed : resolved.through) {
    if (embed->presence != schema::Presence::kRepeated) continue;
    return FilterError(comparison.path.back().position,
                       resolved.written + " may be of many records; ask whether one has the "
                                          "value with :");
  }
  return {};
}

Predicate IsSetAt(const Path& path) {
  Predicate predicate;
  predicate.kind = Predicate::Kind::kIsSet;
  predicate.path = path;
  return predicate;
}

// The path compared with any of `values` (one, for < <= > >=).
Predicate Compile(const Path& path, Operator op, const Operand& operand,
                  std::vector<Value> values) {
  Predicate predicate;
  predicate.path = path;
  if (operand.meaning == Operand::Meaning::kStructKey) {
    std::vector<Predicate> keys;
    for (Value& value : values) {
      Predicate key = IsSetAt(path);
      key.path.below.push_back(std::get<std::string>(std::move(value)));
      key.path.type = schema::Type::kValue;
      key.path.presence = schema::Presence::kOptional;
      keys.push_back(std::move(key));
    }
    return Predicate::Or(std::move(keys));
  }
  if (path.presence == schema::Presence::kRepeated || path.presence == schema::Presence::kMap) {
    predicate.kind = Predicate::Kind::kHas;
    predicate.values = std::move(values);
    return predicate;
  }
  if (values.size() == 1) {
    predicate.kind = Predicate::Kind::kCompare;
    predicate.value = std::move(values[0]);
  } else {
    predicate.kind = Predicate::Kind::kIn;
    predicate.values = std::move(values);
  }
  switch (op) {
    case Operator::kEq:
    case Operator::kNe:  // whose complement is taken outside
    case Operator::kHas: break;
    case Operator::kLt: predicate.op = Compare::kLt; break;
    case Operator::kLe: predicate.op = Compare::kLe; break;
    case Operator::kGt: predicate.op = Compare::kGt; break;
    case Operator::kGe: predicate.op = Compare::kGe; break;
  }
  return predicate;
}

// Resolves one template; holds what Parse was given.
struct Context {
  const schema::Entity& entity;
  const Descriptor* request;
  const FieldDescriptor* self;
};

Result<const FieldDescriptor*> FindRequestField(const Token& dollar, const Context& context) {
  if (context.request == nullptr) {
    return FilterError(dollar.position, "values of a request cannot be named here");
  }
  if (dollar.text.empty()) {
    if (context.self != nullptr) return context.self;
    return FilterError(dollar.position,
                       "a bare $ means the request field that carries the predicate; here is none");
  }
  const FieldDescriptor* field = context.request->FindFieldByName(dollar.text);
  if (field != nullptr) return field;
  return FilterError(dollar.position,
                     context.request->name() + " has no field " + Quoted(dollar.text));
}

// Whether a request that leaves the field alone can be told from one that sets
// it. An enum's zero counts as unset; a plain number's or string's does not.
bool IsUnset(const Message& request, const FieldDescriptor* field, bool self) {
  if (field->has_presence()) return !request.GetReflection()->HasField(request, field);
  if (field->is_repeated()) return request.GetReflection()->FieldSize(request, field) == 0;
  return !self && field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
         request.GetReflection()->GetEnumValue(request, field) == 0;
}

Result<std::vector<Value>> ReadRequest(const Message& request, const FieldDescriptor* field,
                                       const Operand& operand) {
  const int size =
      field->is_repeated() ? request.GetReflection()->FieldSize(request, field) : 1;
  if (size > kMaxValues) {
    return InvalidField(field->name(), "must have at most " + std::to_string(kMaxValues) +
                                           " values, not " + std::to_string(size));
  }
  std::vector<Value> values;
  values.reserve(size);
  for (int i = 0; i < size; ++i) {
    std::string name = field->name();
    if (field->is_repeated()) name += "[" + std::to_string(i) + "]";
    Result<Value> value =
        field->is_repeated() ? ReadElement(request, field, i) : ReadValue(request, field);
    if (value.ok()) value = FromRequest(*std::move(value), name, operand);
    if (!value.ok()) return value.status();
    values.push_back(*std::move(value));
  }
  return values;
}

}  // namespace

// Static members of Template, so that they may see Node.
struct Template::Builder {
  static Result<Node> Build(const Syntax& syntax, const Context& context) {
    if (syntax.kind == Syntax::Kind::kComparison) return Comparison(syntax.comparison, context);
    Node node;
    node.kind = syntax.kind;
    for (const Syntax& child : syntax.children) {
      Result<Node> built = Build(child, context);
      if (!built.ok()) return built;
      node.children.push_back(*std::move(built));
    }
    return node;
  }

  static Result<Node> Comparison(const query::Comparison& comparison, const Context& context) {
    Result<ResolvedPath> resolved = ResolvePath(comparison.path, context.entity);
    if (!resolved.ok()) return resolved.status();
    if (Status status = CheckThrough(*resolved, comparison); !status.ok()) return status;
    Node node;
    node.op = comparison.op;
    node.through = std::move(resolved->through);
    if (comparison.values[0].kind == TokenKind::kStar) {
      node.path = std::move(resolved->path);
      return node;
    }
    Result<Operand> operand = CheckOperator(*resolved, comparison);
    if (!operand.ok()) return operand.status();
    node.operand = *operand;
    if (comparison.values[0].kind != TokenKind::kDollar) {
      for (Token literal : comparison.values) {
        Result<Match> match = TakeWildcards(*resolved, comparison, *operand, &literal);
        if (!match.ok()) return match.status();
        node.match = *match;
        Result<Value> value = FromLiteral(literal, *resolved, *operand);
        if (!value.ok()) return value.status();
        node.literals.push_back(*std::move(value));
      }
    } else {
      Result<const FieldDescriptor*> field = FindRequestField(comparison.values[0], context);
      if (!field.ok()) return field.status();
      const size_t position = comparison.values[0].position;
      Status fits = CheckRequestField(*field, position, *resolved, *operand);
      if (!fits.ok()) return fits;
      if ((*field)->is_repeated() && operand->ordered) {
        return FilterError(position, "the request's field " + (*field)->name() +
                                         " is a list, which no value is less or more than");
      }
      node.request = *field;
      node.self = comparison.values[0].text.empty();
    }
    node.path = std::move(resolved->path);
    return node;
  }

  // Empty: as if not written.
  static Result<std::optional<Predicate>> Bind(const Node& node, const Message* request) {
    if (node.kind == Syntax::Kind::kComparison) return BindComparison(node, request);
    std::vector<Predicate> children;
    for (const Node& child : node.children) {
      Result<std::optional<Predicate>> bound = Bind(child, request);
      if (!bound.ok()) return bound;
      if (*bound) children.push_back(**std::move(bound));
    }
    if (children.empty()) return std::optional<Predicate>();
    switch (node.kind) {
      case Syntax::Kind::kOr: return std::optional(Predicate::Or(std::move(children)));
      case Syntax::Kind::kNot: return std::optional(Predicate::Not(std::move(children[0])));
      default: return std::optional(Predicate::And(std::move(children)));
    }
  }

  static Result<std::optional<Predicate>> BindComparison(const Node& node, const Message* request) {
    Result<std::optional<Predicate>> bound = BindValues(node, request);
    if (!bound.ok() || !*bound) return bound;
    Predicate predicate = Related(node.through, **std::move(bound));
    return std::optional(node.op == Operator::kNe ? Predicate::Not(std::move(predicate))
                                                  : std::move(predicate));
  }

  // As if != were =.
  static Result<std::optional<Predicate>> BindValues(const Node& node, const Message* request) {
    std::vector<Value> values = node.literals;
    if (node.request == nullptr) {
      if (values.empty()) {
        return std::optional(node.path.field == nullptr ? Predicate::True() : IsSetAt(node.path));
      }
      if (node.match != Match::kWhole) {
        return std::optional(
            MatchText(node.path, node.match, std::get<std::string>(std::move(values[0]))));
      }
    } else {
      if (request == nullptr || IsUnset(*request, node.request, node.self)) {
        return std::optional<Predicate>();
      }
      Result<std::vector<Value>> read = ReadRequest(*request, node.request, node.operand);
      if (!read.ok()) return read.status();
      values = *std::move(read);
    }
    return std::optional(Compile(node.path, node.op, node.operand, std::move(values)));
  }
};

Result<Template> Template::Parse(std::string_view text, const schema::Entity& entity,
                                 const Descriptor* request, const FieldDescriptor* self) {
  Result<Syntax> syntax = ParseSyntax(text);
  if (!syntax.ok()) return syntax.status();
  Result<Node> root = Builder::Build(*syntax, Context{entity, request, self});
  if (!root.ok()) return root.status();
  Template made;
  made.root_ = std::make_shared<const Node>(*std::move(root));
  return made;
}

Result<Predicate> Template::Bind(const Message* request) const {
  if (root_ == nullptr) return Predicate::True();
  Result<std::optional<Predicate>> bound = Builder::Bind(*root_, request);
  if (!bound.ok()) return bound.status();
  return *bound ? **std::move(bound) : Predicate::True();
}

}  // namespace storegate::query

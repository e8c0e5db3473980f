#include "server/adapters/sqlite/predicates.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <functional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/migrate/ddl.h"
#include "server/query/related.h"

namespace storegate::sqlite {

using migrate::QuoteIdentifier;
using query::Compare;
using query::Path;
using query::Predicate;
using schema::Presence;
using schema::Type;

namespace {

std::string_view OperatorSql(Compare op) {
  switch (op) {
    case Compare::kLt: return " < ";
    case Compare::kLe: return " <= ";
    case Compare::kGt: return " > ";
    case Compare::kGe: return " >= ";
    default: return " = ";
  }
}

// A name that means itself between the quotes of a JSON path, and that no writer
// of JSON escapes.
bool IsPlainName(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    if (c < ' ' || c > '~' || c == '"' || c == '\\' || c == '/') return false;
  }
  return true;
}

// `$."a"."b"`; empty when a name is not plain.
std::string JsonPath(const std::vector<std::string>& names) {
  std::string path = "$";
  for (const std::string& name : names) {
    if (!IsPlainName(name)) return {};
    path += ".\"" + name + "\"";
  }
  return path;
}

// The digits of a number as nested JSON has them. Cast to REAL in SQL: SQLite
// then reads both sides with the same rounding, so that equal stays equal.
std::string Digits(double value, Type type) {
  char buffer[32];
  const auto end = type == Type::kFloat
                       ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value))
                       : std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end.ptr);
}

std::string Literal(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "1" : "0";
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value)) {
    if (std::isinf(*real)) return *real > 0 ? "9e999" : "-9e999";
    const std::string digits = Digits(*real, Type::kDouble);
    return digits.find_first_of(".e") == std::string::npos ? digits + ".0" : digits;
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    std::string literal = "'";
    for (const char c : *text) literal += c == '\'' ? "''" : std::string(1, c);
    return literal + "'";
  }
  if (const auto* bytes = std::get_if<Bytes>(&value)) {
    std::string literal = "x'";
    for (const unsigned char c : bytes->data) {
      literal += "0123456789abcdef"[c >> 4];
      literal += "0123456789abcdef"[c & 15];
    }
    return literal + "'";
  }
  return "NULL";
}

class Compiler {
 public:
  Compiler(Sql* sql, bool literals) : sql_(sql), literals_(literals) {}

  // Appends the predicate. False when it is none that can be.
  bool Append(const Predicate& predicate) {
    switch (predicate.kind) {
      case Predicate::Kind::kTrue: return Put("1");
      case Predicate::Kind::kFalse: return Put("0");
      case Predicate::Kind::kAnd: return Joined(predicate.children, " AND ", "1");
      case Predicate::Kind::kOr: return Joined(predicate.children, " OR ", "0");
      case Predicate::Kind::kNot:
        return predicate.children.size() == 1 && Put("NOT ") && Append(predicate.children[0]);
      case Predicate::Kind::kCompare: {
        if (predicate.op == Compare::kNe) Put("NOT ");
        const std::string_view op = OperatorSql(predicate.op);
        return InJson(predicate.path) ? CompareJson(predicate.path, op, predicate.value)
                                      : CompareColumn(predicate.path, op, predicate.value);
      }
      case Predicate::Kind::kIn: return In(predicate.path, predicate.values);
      case Predicate::Kind::kHas: return Has(predicate.path, predicate.values);
      case Predicate::Kind::kIsSet: return IsSet(predicate.path);
      case Predicate::Kind::kContains: return Contains(predicate.path, predicate.value);
      case Predicate::Kind::kEndsWith:
      case Predicate::Kind::kIncludes: return HasText(predicate);
      case Predicate::Kind::kRelated: return Related(predicate);
    }
    return false;
  }

  // True when what was appended needs more than an index may have.
  bool needs_query() const { return needs_query_; }

 private:
  bool Put(std::string_view text) {
    sql_->text += text;
    return true;
  }

  bool Bind(Value value) {
    if (literals_) return Put(Literal(value));
    sql_->values.push_back(std::move(value));
    return Put("?");
  }

  // A value in a column of its own is compared as it is, one in JSON is looked up.
  static bool InJson(const Path& path) {
    return !path.below.empty() || path.field->type == Type::kValue;
  }

  bool Column(const Path& path) { return Put(QuoteIdentifier(path.field->column)); }

  // How deep And, Or and Not are in it.
  static size_t Depth(const Predicate& predicate) {
    size_t depth = 0;
    for (const Predicate& child : predicate.children) depth = std::max(depth, Depth(child) + 1);
    return depth;
  }

  // SQLite's parser remembers 100 symbols of what has begun: the deepest comes first, where
  // least has; but for the text of an index, which stays what it is.
  bool Joined(std::span<const Predicate> children, std::string_view with,
              std::string_view when_empty) {
    if (children.empty()) return Put(when_empty);
    std::vector<const Predicate*> deepest_first;
    for (const Predicate& child : children) deepest_first.push_back(&child);
    if (!literals_) {
      std::ranges::stable_sort(deepest_first, std::greater(),
                               [](const Predicate* child) { return Depth(*child); });
    }
    return Chained(deepest_first, with);
  }

  // Its expressions are at most 1,000 deep: what is long is cut into halves, so that their
  // depth grows with the logarithm.
  bool Chained(std::span<const Predicate* const> children, std::string_view with) {
    constexpr size_t kMaxChain = 100;
    if (children.size() == 1) return Append(*children[0]);
    if (!Put("(")) return false;
    if (literals_ || children.size() > kMaxChain) {
      const size_t half = children.size() / 2;
      return Chained(children.first(half), with) && Put(with) &&
             Chained(children.subspan(half), with) && Put(")");
    }
    for (size_t i = 0; i < children.size(); ++i) {
      if ((i > 0 && !Put(with)) || !Append(*children[i])) return false;
    }
    return Put(")");
  }

  // IS: like =, but 0 where the column is NULL; it uses indexes as well.
  bool CompareColumn(const Path& path, std::string_view op, const Value& value) {
    if (path.field->nested() || IsNull(value)) return false;
    if (op == " = ") return Put("(") && Column(path) && Put(" IS ") && Bind(value) && Put(")");
    return Put("(") && Column(path) && Put(" IS NOT NULL AND ") && Column(path) && Put(op) &&
           Bind(value) && Put(")");
  }

  bool CompareJson(const Path& path, std::string_view op, const Value& value) {
    return Put("ifnull(") && TypeGuard(path, value) && JsonOperand(path) && Put(op) &&
           JsonConstant(path.type, value) && Put(", 0)");
  }

  bool HasText(const Predicate& predicate) {
    const Path& path = predicate.path;
    const auto* text = std::get_if<std::string>(&predicate.value);
    const bool json = InJson(path);
    if (text == nullptr || (!json && path.field->type != Type::kString)) return false;
    const bool ends = predicate.kind == Predicate::Kind::kEndsWith;
    Put("ifnull(");
    if (json) TypeGuard(path, predicate.value);
    Put(ends ? "substr(" : "instr(");
    if (!(json ? JsonValue(path) : Column(path))) return false;
    if (!ends) return Put(", ") && Bind(*text) && Put(") > 0, 0)");
    return Put(", -" + std::to_string(CountCodePoints(*text)) + ") = ") && Bind(*text) &&
           Put(", 0)");
  }

  // In a Struct, a literal is compared with values of its own JSON type only.
  bool TypeGuard(const Path& path, const Value& value) {
    if (path.type != Type::kValue) return true;
    return JsonType(path) && Put(" IN (") && Put(JsonTypes(value)) && Put(") AND ");
  }

  static std::string_view JsonTypes(const Value& value) {
    if (std::holds_alternative<std::string>(value)) return "'text'";
    if (std::holds_alternative<bool>(value)) return "'true', 'false'";
    return "'integer', 'real'";
  }

  // The value at `path` in the form that it is compared in.
  bool JsonOperand(const Path& path) {
    switch (path.type) {
      case Type::kFloat:
      case Type::kDouble:
        return Put("CASE ") && JsonValue(path) &&
               Put(" WHEN 'Infinity' THEN 9e999 WHEN '-Infinity' THEN -9e999 ELSE ") &&
               JsonValue(path) && Put(" END");
      case Type::kStruct:
      case Type::kListValue:
      case Type::kMessage: return false;
      default: return JsonValue(path);
    }
  }

  // A value to compare JsonOperand with: as it stands in the JSON, where times,
  // durations and bytes are text. (Of those, only times are ordered; see query/.)
  bool JsonConstant(Type type, const Value& value) {
    if (const auto* bytes = std::get_if<Bytes>(&value)) return Bind(Base64(bytes->data));
    if (const auto* number = std::get_if<int64_t>(&value)) {
      if (type == Type::kTimestamp) return Bind(FormatTimestamp(*number));
      if (type == Type::kDuration) return Bind(FormatDuration(*number));
    }
    const auto* real = std::get_if<double>(&value);
    if (real == nullptr || !std::isfinite(*real)) return !IsNull(value) && Bind(value);
    return Put("CAST(") && Bind(Digits(*real, type)) && Put(" AS REAL)");
  }

  // The same for an element of a list, where infinity is text too.
  bool ElementConstant(Type type, const Value& value) {
    const auto* real = std::get_if<double>(&value);
    if (real == nullptr || !std::isinf(*real)) return JsonConstant(type, value);
    return Bind(std::string(*real > 0 ? "Infinity" : "-Infinity"));
  }

  bool JsonValue(const Path& path) { return Look(path, "json_extract", "atom"); }
  bool JsonType(const Path& path) { return Look(path, "json_type", "type"); }

  // What is at `path`: by SQLite's path notation, or name by name.
  bool Look(const Path& path, std::string_view function, std::string_view column) {
    const std::string json_path = JsonPath(path.below);
    if (json_path.empty()) {
      const std::string last = "j" + std::to_string(path.below.size() - 1);
      return Put("(SELECT ") && Put(last + "." + std::string(column)) && Chain(path);
    }
    return Put(function) && Put("(") && Column(path) && Put(", ") && Bind(json_path) && Put(")");
  }

  // ` FROM json_each(…) AS j0, … WHERE … LIMIT 1)`: jN is what the names lead to.
  bool Chain(const Path& path) {
    needs_query_ = true;
    Put(" FROM json_each(");
    Column(path);
    Put(") AS j0");
    for (size_t i = 1; i < path.below.size(); ++i) {
      const std::string before = "j" + std::to_string(i - 1);
      Put(", json_each(CASE " + before + ".type WHEN 'object' THEN " + before + ".value END) AS j" +
          std::to_string(i));
    }
    for (size_t i = 0; i < path.below.size(); ++i) {
      Put(i == 0 ? " WHERE j" : " AND j");
      Put(std::to_string(i) + ".key = ");
      Bind(path.below[i]);
    }
    return Put(" LIMIT 1)");
  }

  // The JSON text of the list ('array') or map ('object') at `path`; NULL when
  // something else is there.
  bool Container(const Path& path, std::string_view type) {
    const std::string when = " WHEN '" + std::string(type) + "' THEN ";
    if (path.below.empty()) {
      if (path.presence == Presence::kRepeated || path.presence == Presence::kMap) {
        return Column(path);
      }
      return Put("CASE json_type(") && Column(path) && Put(")") && Put(when) && Column(path) &&
             Put(" END");
    }
    if (JsonPath(path.below).empty()) {
      const std::string last = "j" + std::to_string(path.below.size() - 1);
      return Put("(SELECT CASE " + last + ".type" + when + last + ".value END") && Chain(path);
    }
    return Put("CASE ") && JsonType(path) && Put(when) && JsonValue(path) && Put(" END");
  }

  using Constant = bool (Compiler::*)(Type, const Value&);

  // ` = ?` or ` IN (…)`.
  bool OneOf(Type type, const std::vector<Value>& values, Constant constant) {
    if (values.size() == 1) return Put(" = ") && (this->*constant)(type, values[0]);
    Put(" IN (");
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) Put(", ");
      if (!(this->*constant)(type, values[i])) return false;
    }
    return Put(")");
  }

  bool ColumnConstant(Type, const Value& value) { return !IsNull(value) && Bind(value); }

  bool In(const Path& path, const std::vector<Value>& values) {
    if (values.empty()) return Put("0");
    if (!InJson(path)) {
      if (path.field->nested()) return false;
      return Put("(") && Column(path) && Put(" IS NOT NULL AND ") && Column(path) &&
             OneOf(path.type, values, &Compiler::ColumnConstant) && Put(")");
    }
    if (path.type == Type::kValue) return InStruct(path, values);
    return Put("ifnull(") && JsonOperand(path) &&
           OneOf(path.type, values, &Compiler::JsonConstant) && Put(", 0)");
  }

  // Each value has a JSON type of its own. Halves, as in Joined.
  bool InStruct(const Path& path, std::span<const Value> values) {
    if (values.size() == 1) return CompareJson(path, " = ", values[0]);
    const size_t half = values.size() / 2;
    return Put("(") && InStruct(path, values.first(half)) && Put(" OR ") &&
           InStruct(path, values.subspan(half)) && Put(")");
  }

  bool Has(const Path& path, const std::vector<Value>& values) {
    if (values.empty()) return Put("0");
    if (path.presence == Presence::kRepeated) return HasElement(path, path.type, values);
    if (path.presence == Presence::kMap || path.type == Type::kStruct) return HasKey(path, values);
    if (path.type == Type::kListValue) return HasElement(path, Type::kValue, values);
    if (path.type != Type::kValue) return false;
    return Put("(") && HasElement(path, Type::kValue, values) && Put(" OR ") &&
           HasKey(path, values) && Put(")");
  }

  bool HasElement(const Path& path, Type type, const std::vector<Value>& values) {
    needs_query_ = true;
    Put("EXISTS (SELECT 1 FROM json_each(");
    if (!Container(path, "array")) return false;
    Put(") AS e WHERE ");
    if (type != Type::kValue) {
      return Put("e.atom") && OneOf(type, values, &Compiler::ElementConstant) && Put(")");
    }
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) Put(" OR ");
      Put("e.type IN (");
      Put(JsonTypes(values[i]));
      Put(") AND e.atom = ");
      if (!ElementConstant(type, values[i])) return false;
    }
    return Put(")");
  }

  bool HasKey(const Path& path, const std::vector<Value>& values) {
    needs_query_ = true;
    Put("EXISTS (SELECT 1 FROM json_each(");
    if (!Container(path, "object")) return false;
    return Put(") AS e WHERE e.key") && OneOf(path.type, values, &Compiler::KeyConstant) &&
           Put(")");
  }

  // JSON's keys are texts, whatever the map's are.
  bool KeyConstant(Type, const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) {
      return Bind(std::string(*flag ? "true" : "false"));
    }
    if (const auto* number = std::get_if<int64_t>(&value)) return Bind(std::to_string(*number));
    return std::holds_alternative<std::string>(value) && Bind(value);
  }

  bool IsSet(const Path& path) {
    const bool list = path.presence == Presence::kRepeated;
    if (!list && path.presence != Presence::kMap) {
      if (path.below.empty()) return Put("(") && Column(path) && Put(" IS NOT NULL)");
      return Put("ifnull(") && JsonType(path) && Put(" <> 'null', 0)");
    }
    // json() takes the white space out that another program may have written.
    return Put("ifnull(json(") && Container(path, list ? "array" : "object") &&
           Put(") NOT IN ('[]', '{}'), 0)");
  }

  bool Contains(const Path& path, const Value& value) {
    if (!std::holds_alternative<std::string>(value)) return false;
    const std::string column = QuoteIdentifier(path.field->folded_column());
    return Put("(" + column + " IS NOT NULL AND instr(" + column + ", ") && Bind(value) &&
           Put(") > 0)");
  }

  // Within the brackets a name is a column of the inner table, which has all that are
  // named there, also where it is the outer one again.
  bool Related(const Predicate& predicate) {
    const schema::Field* embed = predicate.path.field;
    if (embed->role != schema::Role::kEmbed || predicate.children.size() != 1) return false;
    needs_query_ = true;
    const query::Relation relation = query::RelationOf(*embed);
    if (relation.between == nullptr) {
      Among(*relation.here, *relation.entity, *relation.there);
    } else {
      Among(*relation.here, *relation.between, *relation.between_here);
      Among(*relation.between_there, *relation.entity, *relation.there);
    }
    if (!Append(predicate.children[0])) return false;
    return Put(relation.between == nullptr ? "))" : "))))");
  }

  // What is between its brackets says which living rows of `entity`. A NULL on either
  // side would make it neither true nor false.
  void Among(const schema::Field& here, const schema::Entity& entity, const schema::Field& there) {
    const std::string column = QuoteIdentifier(here.column), inner = QuoteIdentifier(there.column);
    Put("(");
    if (here.nullable()) Put(column + " IS NOT NULL AND ");
    Put(column + " IN (SELECT " + inner + " FROM " + QuoteIdentifier(entity.collection) +
        " WHERE ");
    if (there.nullable()) Put(inner + " IS NOT NULL AND ");
    if (entity.soft_delete()) Put(QuoteIdentifier(entity.delete_time->column) + " IS NULL AND ");
  }

  Sql* sql_;
  const bool literals_;
  bool needs_query_ = false;
};

}  // namespace

Status AppendPredicate(const Predicate& predicate, Sql* sql) {
  if (Compiler(sql, false).Append(predicate)) return {};
  return Status(Code::kInternal, "UNSUPPORTED_PREDICATE",
                "SQLite cannot answer the predicate " + query::Describe(predicate) + ".");
}

Result<std::string> LiteralPredicate(const Predicate& predicate) {
  Sql sql;
  Compiler compiler(&sql, true);
  if (compiler.Append(predicate) && !compiler.needs_query()) return std::move(sql.text);
  return Status(Code::kFailedPrecondition, "UNSUPPORTED_INDEX",
                "SQLite cannot have an index where " + query::Describe(predicate) +
                    ": it looks into neither lists nor keys there. Leave the predicate out, or "
                    "make what it looks at a field of its own.");
}

}  // namespace storegate::sqlite

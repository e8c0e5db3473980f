#include "server/adapters/postgres/predicates.h"

#include <charconv>
#include <cmath>
#include <span>
#include <string_view>
#include <variant>

#include "server/adapters/postgres/dialect.h"
#include "server/adapters/postgres/types.h"
#include "server/base/text.h"
#include "server/base/time.h"
#include "server/migrate/ddl.h"
#include "server/query/related.h"

namespace storegate::postgres {

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

// The digits of a number as nested JSON has them.
std::string Digits(double value, Type type) {
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char buffer[32];
  const auto end = type == Type::kFloat
                       ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value))
                       : std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end.ptr);
}

std::string JsonText(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  return json;
}

// The value as the gateway writes it into JSON, where times, durations, bytes and
// infinities are text.
std::string JsonOf(const Value& value, Type type) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) {
    if (type == Type::kTimestamp) return JsonText(FormatTimestamp(*number));
    if (type == Type::kDuration) return JsonText(FormatDuration(*number));
    return std::to_string(*number);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    const std::string digits = Digits(*real, type);
    return std::isinf(*real) ? JsonText(digits) : digits;
  }
  if (const auto* text = std::get_if<std::string>(&value)) return JsonText(*text);
  if (const auto* bytes = std::get_if<Bytes>(&value)) return JsonText(Base64(bytes->data));
  return "null";
}

std::string TextLiteral(std::string_view text) {
  std::string literal = text.find('\\') == std::string_view::npos ? "'" : "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal += c;
    literal += c;
  }
  return literal + "'";
}

std::string Literal(const Value& value, Kind kind) {
  std::string text;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) {
    text = kind == Kind::kTimestamptz ? FormatTimestamp(*number) : std::to_string(*number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    text = Digits(*real, Type::kDouble);
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    text = "\\x";
    for (const unsigned char c : bytes->data) {
      text += "0123456789abcdef"[c >> 4];
      text += "0123456789abcdef"[c & 15];
    }
  } else {
    text = std::get<std::string>(value);
  }
  return TextLiteral(text) + "::" + std::string(TypeName(kind));
}

// A pattern of LIKE for what has the text in it.
std::string LikeAnywhere(std::string_view text) {
  std::string pattern = "%";
  for (const char c : text) {
    if (c == '\\' || c == '%' || c == '_') pattern += '\\';
    pattern += c;
  }
  return pattern + "%";
}

class Compiler {
 public:
  Compiler(Sql* sql, bool literals) : sql_(sql), literals_(literals) {}

  // Appends the predicate. False when it is none that can be.
  bool Append(const Predicate& predicate) {
    const Path& path = predicate.path;
    switch (predicate.kind) {
      case Predicate::Kind::kTrue: return Put("true");
      case Predicate::Kind::kFalse: return Put("false");
      case Predicate::Kind::kAnd: return Joined(predicate.children, " AND ", "true");
      case Predicate::Kind::kOr: return Joined(predicate.children, " OR ", "false");
      case Predicate::Kind::kNot:
        return predicate.children.size() == 1 && Put("(NOT ") &&
               Append(predicate.children[0]) && Put(")");
      case Predicate::Kind::kCompare: {
        const bool not_equal = predicate.op == Compare::kNe;
        const std::string_view op = OperatorSql(predicate.op);
        if (not_equal) Put("(NOT ");
        if (!(InJson(path) ? CompareJson(path, op, predicate.value)
                           : CompareColumn(path, op, predicate.value))) {
          return false;
        }
        return !not_equal || Put(")");
      }
      case Predicate::Kind::kIn: return In(path, predicate.values);
      case Predicate::Kind::kHas: return Has(path, predicate.values);
      case Predicate::Kind::kIsSet: return IsSet(path);
      case Predicate::Kind::kContains: return Contains(path, predicate.value);
      case Predicate::Kind::kEndsWith:
      case Predicate::Kind::kIncludes: return HasText(predicate);
      case Predicate::Kind::kRelated: return Related(predicate);
    }
    return false;
  }

 private:
  bool Put(std::string_view text) {
    sql_->text += text;
    return true;
  }

  bool Bind(const Value& value, Kind kind) {
    if (literals_) return Put(Literal(value, kind));
    sql_->Append(value, kind);
    return true;
  }

  bool BindArray(std::span<const Value> values, Kind kind) {
    if (!literals_) {
      sql_->AppendArray(values, kind);
      return true;
    }
    Put("ARRAY[");
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) Put(", ");
      Put(Literal(values[i], kind));
    }
    return Put("]::" + std::string(TypeName(kind)) + "[]");
  }

  // A value in a column of its own is compared as it is, one in JSON is looked up.
  static bool InJson(const Path& path) {
    return !path.below.empty() || path.field->type == Type::kValue;
  }

  bool Column(const Path& path) { return Put(QuoteIdentifier(path.field->column)); }

  // Halves, so that the depth of the expression grows with the logarithm.
  bool Joined(std::span<const Predicate> children, std::string_view with,
              std::string_view when_empty) {
    if (children.empty()) return Put(when_empty);
    if (children.size() == 1) return Append(children[0]);
    const size_t half = children.size() / 2;
    return Put("(") && Joined(children.first(half), with, when_empty) && Put(with) &&
           Joined(children.subspan(half), with, when_empty) && Put(")");
  }

  // What a column is compared with: integers as bigint, so that a number that the
  // column cannot hold is only greater or less.
  static Kind ComparedAs(const schema::Field& field) {
    const Kind kind = ColumnOf(field).kind;
    return kind == Kind::kInt4 ? Kind::kInt8 : kind;
  }

  bool NotNull(const Path& path) {
    return !path.field->nullable() || (Column(path) && Put(" IS NOT NULL AND "));
  }

  bool CompareColumn(const Path& path, std::string_view op, const Value& value) {
    if (path.field->nested() || IsNull(value)) return false;
    const Kind kind = ComparedAs(*path.field);
    Put("(");
    NotNull(path);
    Column(path);
    if (Fits(value, kind)) return Put(op) && Bind(value, kind) && Put(")");
    // A text that is no uuid: none equals it, and some sort before it.
    if (kind != Kind::kUuid || !std::holds_alternative<std::string>(value)) return false;
    return Put("::text COLLATE \"C\"") && Put(op) && Bind(value, Kind::kText) && Put(")");
  }

  // The jsonb at `path`, null where there is none.
  bool Look(const Path& path) {
    Put("(");
    Column(path);
    for (const std::string& name : path.below) {
      Put(" -> ");
      Bind(name, Kind::kText);
    }
    return Put(")");
  }

  bool CompareJson(const Path& path, std::string_view op, const Value& value) {
    if (IsNull(value)) return false;
    if (path.type == Type::kStruct || path.type == Type::kListValue ||
        path.type == Type::kMessage) {
      return false;
    }
    Put("coalesce(");
    if (op == " = ") {
      return Look(path) && Put(op) && Bind(JsonOf(value, path.type), Kind::kJsonb) &&
             Put(", false)");
    }
    return Order(path, op, value) && Put(", false)");
  }

  bool Order(const Path& path, std::string_view op, const Value& value) {
    if (std::holds_alternative<int64_t>(value) && path.type == Type::kTimestamp) {
      return OrderText(path, op, FormatTimestamp(std::get<int64_t>(value)));
    }
    if (const auto* text = std::get_if<std::string>(&value)) return OrderText(path, op, *text);
    std::string digits;
    if (const auto* number = std::get_if<int64_t>(&value)) {
      digits = std::to_string(*number);
    } else if (const auto* real = std::get_if<double>(&value)) {
      digits = Digits(*real, path.type);
    } else {
      return false;
    }
    // numeric: no number of JSON is too large for it, and none is rounded.
    Put("CASE jsonb_typeof(");
    Look(path);
    Put(") WHEN 'number' THEN ");
    Look(path);
    Put("::numeric");
    if (path.type == Type::kFloat || path.type == Type::kDouble) {
      Put(" WHEN 'string' THEN CASE ");
      Look(path);
      Put(" #>> '{}' WHEN 'Infinity' THEN 'Infinity'::numeric"
          " WHEN '-Infinity' THEN '-Infinity'::numeric END");
    }
    return Put(" END") && Put(op) && Put("(") && Bind(digits, Kind::kText) && Put(")::numeric");
  }

  // The text at `path`; null where something else is.
  bool TextIn(const Path& path) {
    return Put("CASE jsonb_typeof(") && Look(path) && Put(") WHEN 'string' THEN ") &&
           Look(path) && Put(" #>> '{}' END");
  }

  bool OrderText(const Path& path, std::string_view op, const std::string& text) {
    return TextIn(path) && Put(" COLLATE \"C\"") && Put(op) && Bind(text, Kind::kText);
  }

  bool HasText(const Predicate& predicate) {
    const Path& path = predicate.path;
    const auto* text = std::get_if<std::string>(&predicate.value);
    const bool json = InJson(path);
    if (text == nullptr || (!json && path.field->type != Type::kString)) return false;
    const bool ends = predicate.kind == Predicate::Kind::kEndsWith;
    Put("coalesce(");
    Put(ends ? "right(" : "strpos(");
    if (!(json ? TextIn(path) : Column(path))) return false;
    if (!ends) return Put(", ") && Bind(*text, Kind::kText) && Put(") > 0, false)");
    return Put(", " + std::to_string(CountCodePoints(*text)) + ") = ") &&
           Bind(*text, Kind::kText) && Put(", false)");
  }

  static std::vector<Value> JsonValues(Type type, std::span<const Value> values) {
    std::vector<Value> json;
    for (const Value& value : values) json.emplace_back(JsonOf(value, type));
    return json;
  }

  // Those of the values that a column of this kind can have.
  static std::vector<Value> Fitting(std::span<const Value> values, Kind kind) {
    std::vector<Value> fitting;
    for (const Value& value : values) {
      if (Fits(value, kind)) fitting.push_back(value);
    }
    return fitting;
  }

  bool In(const Path& path, const std::vector<Value>& values) {
    if (InJson(path)) {
      return Put("coalesce(") && Look(path) && Put(" = ANY(") &&
             BindArray(JsonValues(path.type, values), Kind::kJsonb) && Put("), false)");
    }
    if (path.field->nested()) return false;
    const Kind kind = ComparedAs(*path.field);
    const std::vector<Value> fitting = Fitting(values, kind);
    if (fitting.empty()) return Put("false");
    return Put("(") && NotNull(path) && Column(path) && Put(" = ANY(") &&
           BindArray(fitting, kind) && Put("))");
  }

  bool Has(const Path& path, const std::vector<Value>& values) {
    if (values.empty()) return Put("false");
    if (path.below.empty() && path.presence == Presence::kRepeated &&
        ColumnOf(*path.field).array) {
      const Kind kind = ColumnOf(*path.field).kind;
      const std::vector<Value> fitting = Fitting(values, kind);
      if (fitting.empty()) return Put("false");
      return Put("(") && Column(path) && Put(" && ") && BindArray(fitting, kind) && Put(")");
    }
    if (path.presence == Presence::kRepeated) return HasElement(path, path.type, values);
    if (path.presence == Presence::kMap || path.type == Type::kStruct) return HasKey(path, values);
    if (path.type == Type::kListValue) return HasElement(path, Type::kValue, values);
    if (path.type != Type::kValue) return false;
    return Put("(") && HasElement(path, Type::kValue, values) && Put(" OR ") &&
           HasKey(path, values) && Put(")");
  }

  // A list contains a list of one that it has.
  bool HasElement(const Path& path, Type type, const std::vector<Value>& values) {
    std::vector<Value> lists;
    for (const Value& value : values) lists.emplace_back("[" + JsonOf(value, type) + "]");
    return Put("coalesce(jsonb_typeof(") && Look(path) && Put(") = 'array' AND ") && Look(path) &&
           Put(" @> ANY(") && BindArray(lists, Kind::kJsonb) && Put("), false)");
  }

  bool HasKey(const Path& path, const std::vector<Value>& values) {
    std::vector<Value> keys;
    for (const Value& value : values) {
      // JSON's keys are texts, whatever the map's are.
      if (const auto* flag = std::get_if<bool>(&value)) {
        keys.emplace_back(std::string(*flag ? "true" : "false"));
      } else if (const auto* number = std::get_if<int64_t>(&value)) {
        keys.emplace_back(std::to_string(*number));
      } else if (std::holds_alternative<std::string>(value)) {
        keys.push_back(value);
      } else {
        return false;
      }
    }
    return Put("coalesce(jsonb_typeof(") && Look(path) && Put(") = 'object' AND ") &&
           Look(path) && Put(" ?| ") && BindArray(keys, Kind::kText) && Put(", false)");
  }

  bool IsSet(const Path& path) {
    const bool list = path.presence == Presence::kRepeated;
    if (!list && path.presence != Presence::kMap) {
      if (path.below.empty()) return Put("(") && Column(path) && Put(" IS NOT NULL)");
      return Put("coalesce(jsonb_typeof(") && Look(path) && Put(") <> 'null', false)");
    }
    if (path.below.empty() && ColumnOf(*path.field).array) {
      return Put("(cardinality(") && Column(path) && Put(") > 0)");
    }
    return Put("coalesce(jsonb_typeof(") && Look(path) &&
           Put(list ? ") = 'array' AND " : ") = 'object' AND ") && Look(path) &&
           Put(list ? " <> '[]'::jsonb, false)" : " <> '{}'::jsonb, false)");
  }

  bool Contains(const Path& path, const Value& value) {
    if (!std::holds_alternative<std::string>(value)) return false;
    const std::string column = QuoteIdentifier(path.field->folded_column());
    Put("(" + column + " IS NOT NULL AND ");
    // What an index of trigrams serves.
    if (path.field->entity->search_index) {
      return Put(column + " LIKE ") && Bind(LikeAnywhere(std::get<std::string>(value)),
                                            Kind::kText) && Put(")");
    }
    return Put("strpos(" + column + ", ") && Bind(value, Kind::kText) && Put(") > 0)");
  }

  // Within the brackets a name is a column of the inner table, which has all that are
  // named there, also where it is the outer one again.
  bool Related(const Predicate& predicate) {
    const schema::Field* embed = predicate.path.field;
    if (literals_ || embed->role != schema::Role::kEmbed || predicate.children.size() != 1) {
      return false;
    }
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
};

Kind KindOf(const query::SortKey& key) { return ColumnOf(*key.field).kind; }

// Rows whose key `key` comes after `value`, or also those that have it.
void AppendAfter(const query::SortKey& key, const Value& value, bool or_same, bool nulls,
                 Sql* sql) {
  const std::string column = QuoteIdentifier(key.field->column);
  if (IsNull(value)) {
    // Ascending, nulls come first: behind them is all that is not null. Descending
    // they come last: nothing is behind them.
    if (!key.descending) {
      sql->text += or_same ? "true" : column + " IS NOT NULL";
    } else {
      sql->text += or_same ? column + " IS NULL" : "false";
    }
    return;
  }
  const bool nulls_follow = nulls && key.descending && key.field->nullable();
  if (nulls_follow) sql->text += "(";
  sql->text += column + (key.descending ? " <" : " >") + (or_same ? "= " : " ");
  sql->Append(value, KindOf(key));
  if (nulls_follow) sql->text += " OR " + column + " IS NULL)";
}

}  // namespace

Status AppendPredicate(const Predicate& predicate, Sql* sql) {
  if (Compiler(sql, false).Append(predicate)) return {};
  return Status(Code::kInternal, "UNSUPPORTED_PREDICATE",
                "PostgreSQL cannot answer the predicate " + query::Describe(predicate) + ".");
}

Result<std::string> LiteralPredicate(const Predicate& predicate) {
  Sql sql;
  if (Compiler(&sql, true).Append(predicate)) return std::move(sql.text);
  return Status(Code::kFailedPrecondition, "UNSUPPORTED_INDEX",
                "PostgreSQL cannot have an index where " + query::Describe(predicate) + ".");
}

void AppendOrder(const query::Order& order, Sql* sql) {
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0) sql->text += ", ";
    sql->text += QuoteIdentifier(order[i].field->column);
    sql->text += Direction(*order[i].field, order[i].descending);
  }
}

bool NullsFollow(const query::Order& order, const std::vector<Value>& after) {
  return !after.empty() && order[0].descending && order[0].field->nullable() &&
         !IsNull(after[0]);
}

void AppendBehind(const query::Order& order, const std::vector<Value>& after,
                  bool leading_nulls, Sql* sql) {
  // a <= x AND (a < x OR (a = x AND (b > y OR (b = y AND c > z))))
  if (order.size() > 1) {
    AppendAfter(order[0], after[0], true, leading_nulls, sql);
    sql->text += " AND ";
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const bool last = i + 1 == order.size();
    if (!last) sql->text += "(";
    AppendAfter(order[i], after[i], false, i > 0 || leading_nulls, sql);
    if (last) break;
    sql->text += " OR (" + QuoteIdentifier(order[i].field->column);
    if (IsNull(after[i])) {
      sql->text += " IS NULL AND ";
    } else {
      sql->text += " = ";
      sql->Append(after[i], KindOf(order[i]));
      sql->text += " AND ";
    }
  }
  for (size_t i = 1; i < order.size(); ++i) sql->text += "))";
}

}  // namespace storegate::postgres

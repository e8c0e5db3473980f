// Expressions of aggregation pipelines as values: {"$op": [arguments]}, paths, constants.
#pragma once

#include <string>
#include <string_view>

#include "server/adapters/mongodb/bson.h"

namespace storegate::mongodb {

// Used by one thread at a time. Movable.
class Expression {
 public:
  explicit Expression(const Bson& document) { held_.AddDocument(kKey, document); }

  // What a document has at the path: "$a.b".
  static Expression Path(std::string_view path) {
    Expression value;
    value.held_.AddText(kKey, "$" + std::string(path));
    return value;
  }
  static Expression Null() {
    Expression value;
    value.held_.AddNull(kKey);
    return value;
  }
  static Expression Int(int32_t number) {
    Expression value;
    value.held_.AddInt32(kKey, number);
    return value;
  }
  static Expression Long(int64_t number) {
    Expression value;
    value.held_.AddInt64(kKey, number);
    return value;
  }
  static Expression Double(double number) {
    Expression value;
    bson_append_double(value.held_.get(), kKey.data(), 0, number);
    return value;
  }
  // `digits` is a number.
  static Expression Decimal(const char* digits) {
    Expression value;
    bson_decimal128_t decimal;
    bson_decimal128_from_string(digits, &decimal);
    bson_append_decimal128(value.held_.get(), kKey.data(), 0, &decimal);
    return value;
  }
  // Milliseconds since 1970.
  static Expression Date(int64_t millis) {
    Expression value;
    value.held_.AddDate(kKey, millis);
    return value;
  }
  // Whatever the text is, it is only that.
  static Expression Text(std::string_view text) {
    Bson literal;
    literal.AddText("$literal", text);
    return Expression(literal);
  }

  // {"$op": argument}
  static Expression Unary(std::string_view op, const Expression& argument) {
    Bson call;
    argument.AppendTo(op, &call);
    return Expression(call);
  }
  // {"$op": [argument, …]}
  template <typename... Arguments>
  static Expression Call(std::string_view op, const Arguments&... arguments) {
    BsonArray list;
    (arguments.AppendTo(list.NextKey(), &list.bson()), ...);
    Bson call;
    call.AddArray(op, list.bson());
    return Expression(call);
  }

  void AppendTo(std::string_view key, Bson* to) const {
    bson_iter_t at;
    if (bson_iter_init(&at, held_.get()) && bson_iter_next(&at)) {
      bson_append_iter(to->get(), key.data(), static_cast<int>(key.size()), &at);
    }
  }

 private:
  static constexpr std::string_view kKey = "";

  Expression() = default;

  Bson held_;  // {"": the expression}
};

}  // namespace storegate::mongodb

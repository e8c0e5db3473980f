// Binding: what the fields of a request put into a predicate.
#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "server/query/predicate.h"
#include "tests/unit/query/test_schema.h"

namespace storegate::query {
namespace {

using google::protobuf::Message;

Result<Predicate> Bind(std::string_view text, const Message& request,
                       const std::string& self = "") {
  const auto* carrier = self.empty() ? nullptr : Values()->FindFieldByName(self);
  Result<Template> parsed = Template::Parse(text, Book(), Values(), carrier);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status().ToString();
  if (!parsed.ok()) return parsed.status();
  return parsed->Bind(&request);
}

Predicate Bound(std::string_view text, const std::string& json, const std::string& self = "") {
  Result<Predicate> bound = Bind(text, *Make("Values", json), self);
  EXPECT_TRUE(bound.ok()) << text << ": " << bound.status().ToString();
  return bound.ok() ? *std::move(bound) : Predicate();
}

std::string Shown(std::string_view text, const std::string& json, const std::string& self = "") {
  return Describe(Bound(text, json, self));
}

TEST(BindTest, ValuesTakeTheFormOfTheirColumn) {
  EXPECT_EQ(Bound("flag = $flag", R"({"flag": true})").value, Value(true));
  EXPECT_EQ(Bound("i32 = $i64", R"({"i64": 5})").value, Value(int64_t{5}));
  EXPECT_EQ(Bound("i64 = $u32", R"({"u32": 5})").value, Value(int64_t{5}));
  EXPECT_EQ(Bound("f64 = $i32", R"({"i32": 5})").value, Value(5.0));
  EXPECT_EQ(Bound("f32 = $f64", R"({"f64": 0.1})").value, Value(static_cast<double>(0.1f)));
  EXPECT_EQ(Bound("text = $text", R"({"text": "x*\\"})").value, Value(std::string("x*\\")));
  EXPECT_EQ(Bound("blob = $blob", R"({"blob": "+/8="})").value, Value(Bytes{"\xFB\xFF"}));
  EXPECT_EQ(Bound("color = $color", R"({"color": "VERDANT"})").value, Value(std::string("GREEN")));
  EXPECT_EQ(Bound("time = $time", R"({"time": "1970-01-01T00:00:01.2345Z"})").value,
            Value(int64_t{1234}));
  EXPECT_EQ(Bound("time = $time", R"({"time": "1969-12-31T23:59:59.9999Z"})").value,
            Value(int64_t{-1}));
  EXPECT_EQ(Bound("span = $span", R"({"span": "-1.5s"})").value, Value(int64_t{-1500000}));
  EXPECT_EQ(Bound("text = $wrapped_text", R"({"wrappedText": "x"})").value,
            Value(std::string("x")));
  EXPECT_EQ(Bound("wrapped = $wrapped_i32", R"({"wrappedI32": 7})").value, Value(int64_t{7}));
  EXPECT_EQ(Bound("extra.a = $i32", R"({"i32": 7})").value, Value(7.0));
  EXPECT_EQ(Bound("extra.a = $flag", R"({"flag": true})").value, Value(true));
  EXPECT_EQ(Bound("email = $text", R"({"text": "ÀB"})").value, Value(std::string("àb")));
  EXPECT_EQ(Bound("by_number : $i64", R"({"i64": 5})").values,
            std::vector<Value>{std::string("5")});
}

TEST(BindTest, NegativeZeroIsZero) {
  const Predicate bound = Bound("f64 = $f64", R"({"f64": -0.0})");
  EXPECT_EQ(bound.value, Value(0.0));
  EXPECT_FALSE(std::signbit(std::get<double>(bound.value)));
}

TEST(BindTest, UnsetFieldsAreAsIfNotWritten) {
  EXPECT_EQ(Shown("text = $opt_text", "{}"), "true");
  EXPECT_EQ(Shown("text != $opt_text", "{}"), "true");
  EXPECT_EQ(Shown("time >= $time AND i32 > 5", "{}"), "i32 > ?");
  EXPECT_EQ(Shown("text = $wrapped_text", "{}"), "true");
  EXPECT_EQ(Shown("text = $texts", "{}"), "true");
  EXPECT_EQ(Shown("text != $texts", "{}"), "true");
  EXPECT_EQ(Shown("color = $color", "{}"), "true");  // an enum's zero
  // A plain number's or text's zero is a value, and so is an optional that is set.
  EXPECT_EQ(Shown("i32 = $i32", "{}"), "i32 = ?");
  EXPECT_EQ(Shown("text = $text", "{}"), "text = ?");
  EXPECT_EQ(Shown("text = $opt_text", R"({"optText": ""})"), "text = ?");
  EXPECT_EQ(Shown("color = $opt_color", R"({"optColor": "COLOR_UNSPECIFIED"})"), "color = ?");
}

TEST(BindTest, TheFieldThatCarriesThePredicateIsSet) {
  EXPECT_EQ(Bound("i32 >= $", "{}", "i32").value, Value(int64_t{0}));
  EXPECT_EQ(Bound("color = $", "{}", "color").value, Value(std::string("COLOR_UNSPECIFIED")));
  EXPECT_EQ(Shown("text = $ AND i32 = $i32", R"({"text": "x"})", "text"), "text = ? AND i32 = ?");
}

TEST(BindTest, AListMeansAnyOfItsValues) {
  Predicate bound = Bound("text = $texts", R"({"texts": ["a", "b"]})");
  EXPECT_EQ(bound.kind, Predicate::Kind::kIn);
  EXPECT_EQ(bound.values, (std::vector<Value>{std::string("a"), std::string("b")}));
  EXPECT_EQ(Shown("text = $texts", R"({"texts": ["a"]})"), "text = ?");
  EXPECT_EQ(Shown("text != $texts", R"({"texts": ["a", "b"]})"), "NOT text = any ?");
  EXPECT_EQ(Shown("text : $texts", R"({"texts": ["a", "b"]})"), "text = any ?");
  EXPECT_EQ(Bound("tags : $texts", R"({"texts": ["a", "b"]})").values.size(), 2u);
  EXPECT_EQ(Bound("labels : $texts", R"({"texts": ["a", "b"]})").values.size(), 2u);
  EXPECT_EQ(Bound("color = $colors", R"({"colors": ["RED", "VERDANT"]})").values,
            (std::vector<Value>{std::string("RED"), std::string("GREEN")}));
  EXPECT_EQ(Shown("extra : $texts", R"({"texts": ["a", "b"]})"), "extra.? : * OR extra.? : *");
  EXPECT_EQ(Shown("extra.a = $f64s", R"({"f64s": [1, 2]})"), "extra.? = any ?");
  EXPECT_EQ(Bound("times : $times", R"({"times": ["1970-01-01T00:00:00Z"]})").values,
            std::vector<Value>{int64_t{0}});
  EXPECT_EQ(Bound("email = $texts", R"({"texts": ["A", "B"]})").values[1], Value(std::string("b")));
}

struct Wrong {
  std::string text;
  std::string field;
  std::string rule;
  std::function<void(Message*)> fill;
};

TEST(BindTest, BadValuesNameTheirField) {
  const auto field = [](const std::string& name) { return Values()->FindFieldByName(name); };
  const auto set_time = [&](int64_t seconds, int nanos, const std::string& name) {
    return [=](Message* m) {
      Message* time = m->GetReflection()->MutableMessage(m, field(name));
      const auto* type = time->GetDescriptor();
      time->GetReflection()->SetInt64(time, type->FindFieldByNumber(1), seconds);
      time->GetReflection()->SetInt32(time, type->FindFieldByNumber(2), nanos);
    };
  };
  const auto set_text = [&](const std::string& text) {
    return [=](Message* m) { m->GetReflection()->SetString(m, field("text"), text); };
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Wrong> cases = {
      {"color = $color", "color", "Color names, not 99",
       [&](Message* m) { m->GetReflection()->SetEnumValue(m, field("color"), 99); }},
      {"f64 = $f64", "f64", "NaN",
       [&](Message* m) { m->GetReflection()->SetDouble(m, field("f64"), nan); }},
      {"f64 = $f64s", "f64s[1]", "NaN",
       [&](Message* m) {
         m->GetReflection()->AddDouble(m, field("f64s"), 1);
         m->GetReflection()->AddDouble(m, field("f64s"), nan);
       }},
      {"f32 = $f64", "f64", "float's range",
       [&](Message* m) { m->GetReflection()->SetDouble(m, field("f64"), 1e300); }},
      {"i32 = $i64", "i64", "from -2147483648 to 2147483647, not 2147483648",
       [&](Message* m) { m->GetReflection()->SetInt64(m, field("i64"), 2147483648); }},
      {"u32 = $i64s", "i64s[0]", "from 0",
       [&](Message* m) { m->GetReflection()->AddInt64(m, field("i64s"), -1); }},
      {"text = $text", "text", "NUL", set_text(std::string("a\0b", 3))},
      {"text = $text", "text", "UTF-8", set_text("\xFF")},
      {"text = $texts", "texts", "at most 1000 values, not 1001",
       [&](Message* m) {
         for (int i = 0; i < 1001; ++i) m->GetReflection()->AddString(m, field("texts"), "x");
       }},
      {"time = $time", "time", "must be a time from", set_time(253402300800, 0, "time")},
      {"time = $time", "time", "must be a time from", set_time(INT64_MIN, 0, "time")},
      {"time = $time", "time", "nanos", set_time(0, -1, "time")},
      {"time = $time", "time", "nanos", set_time(0, 1000000000, "time")},
      {"span = $span", "span", "must be a duration", set_time(INT64_MAX, 0, "span")},
      {"span = $span", "span", "sign", set_time(1, -1, "span")},
      {"span = $span", "span", "sign", set_time(0, INT32_MIN, "span")},
  };
  for (const Wrong& wrong : cases) {
    const auto request = Make("Values", "{}");
    wrong.fill(request.get());
    const Result<Predicate> bound = Bind(wrong.text, *request);
    ASSERT_FALSE(bound.ok()) << wrong.text << " " << wrong.rule;
    EXPECT_EQ(bound.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(bound.status().reason(), "INVALID_FIELD");
    ASSERT_EQ(bound.status().violations().size(), 1u);
    EXPECT_EQ(bound.status().violations()[0].field, wrong.field);
    EXPECT_NE(bound.status().violations()[0].description.find(wrong.rule), std::string::npos)
        << bound.status().ToString();
  }
}

TEST(BindTest, AThousandValuesAreBound) {
  const auto request = Make("Values", "{}");
  const auto* texts = Values()->FindFieldByName("texts");
  for (int i = 0; i < 1000; ++i) {
    request->GetReflection()->AddString(request.get(), texts, std::to_string(i));
  }
  const Result<Predicate> bound = Bind("text = $texts", *request);
  ASSERT_TRUE(bound.ok());
  EXPECT_EQ(bound->values.size(), 1000u);
}

TEST(ReadValueTest, NullWhereAFieldWithPresenceIsNotSet) {
  const auto values = Make("Values", R"({"i64": 3})");
  const auto read = [&](const std::string& name) {
    return ReadValue(*values, Values()->FindFieldByName(name));
  };
  EXPECT_EQ(*read("opt_text"), Value());
  EXPECT_EQ(*read("time"), Value());
  EXPECT_EQ(*read("wrapped_i32"), Value());
  EXPECT_EQ(*read("text"), Value(std::string()));
  EXPECT_EQ(*read("i64"), Value(int64_t{3}));
  EXPECT_FALSE(read("u64").ok());
}

}  // namespace
}  // namespace storegate::query

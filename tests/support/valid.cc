#include "tests/support/valid.h"

#include <cfloat>
#include <cmath>
#include <limits>

#include <re2/re2.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "tests/support/random_text.h"

namespace storegate::test {
namespace {

bool IsZero(const Value& value) {
  if (const bool* truth = std::get_if<bool>(&value)) return !*truth;
  if (const int64_t* number = std::get_if<int64_t>(&value)) return *number == 0;
  if (const double* number = std::get_if<double>(&value)) return *number == 0;
  if (const std::string* text = std::get_if<std::string>(&value)) return text->empty();
  if (const Bytes* bytes = std::get_if<Bytes>(&value)) return bytes->data.empty();
  return true;
}

bool LengthAllowed(const Rules& rules, size_t length) {
  return static_cast<int64_t>(length) >= rules.min_len() &&
         (rules.max_len() == 0 || static_cast<int64_t>(length) <= rules.max_len());
}

bool InBounds(const Rules& rules, double number) {
  return !(rules.has_gte() && number < rules.gte()) && !(rules.has_gt() && number <= rules.gt()) &&
         !(rules.has_lte() && number > rules.lte()) && !(rules.has_lt() && number >= rules.lt());
}

const FieldDescriptor* Scalar(const FieldDescriptor* field) {
  return IsWrapper(field) ? field->message_type()->FindFieldByNumber(1) : field;
}

std::vector<double> EdgeNumbers(bool is_float) {
  const double infinity = std::numeric_limits<double>::infinity();
  if (is_float) {
    return {0.0, -0.0, 1, -1, FLT_MAX, -FLT_MAX, FLT_MIN, std::numeric_limits<float>::denorm_min(),
            infinity, -infinity, 0.5};
  }
  const double least = std::numeric_limits<double>::denorm_min();
  return {0.0,      -0.0,      1,   -1,    DBL_MAX,            -DBL_MAX, DBL_MIN, least,
          infinity, -infinity, 0.1, 1e300, 9007199254740992.0, 4.35};
}

}  // namespace

bool Allowed(const FieldDescriptor* field, const Rules& rules, const Value& value) {
  if (IsNull(value)) return !rules.required();
  const bool number =
      std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
  // Nothing tells a plain number's zero from unset, so the bounds hold for it too.
  if (!field->has_presence() && !number && IsZero(value) && !field->is_repeated()) {
    return !rules.required();
  }
  if (const std::string* text = std::get_if<std::string>(&value)) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return true;
    if (rules.required() && text->empty()) return false;
    if (!LengthAllowed(rules, CountCodePoints(*text))) return false;
    if (rules.format() == storegate::v1::UUID) return IsCanonicalUuid(*text);
    if (rules.format() == storegate::v1::OBJECT_ID) return IsObjectId(*text);
    if (rules.format() != storegate::v1::FORMAT_UNSPECIFIED) return false;  // none is made here
    return rules.pattern().empty() || re2::RE2::FullMatch(*text, rules.pattern());
  }
  if (const Bytes* bytes = std::get_if<Bytes>(&value)) {
    return LengthAllowed(rules, bytes->data.size()) && !(rules.required() && bytes->data.empty());
  }
  if (const int64_t* whole = std::get_if<int64_t>(&value)) {
    return InBounds(rules, static_cast<double>(*whole));
  }
  if (const double* real = std::get_if<double>(&value)) return InBounds(rules, *real);
  return true;
}

bool MustBeSet(const FieldDescriptor* field) {
  const Rules& rules = RulesOf(field);
  const bool number = field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE &&
                      field->cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
                      field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM;
  return rules.required() || rules.min_items() > 0 ||
         (number && !field->has_presence() && !field->is_repeated() && !InBounds(rules, 0));
}

std::vector<Value> EdgeValues(const FieldDescriptor* field, const Rules& rules) {
  std::vector<Value> all;
  const FieldDescriptor* scalar = Scalar(field);
  switch (scalar->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      all = {true, false};
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      for (int64_t n : {int64_t{std::numeric_limits<int32_t>::min()}, int64_t{-1}, int64_t{0},
                        int64_t{1}, int64_t{std::numeric_limits<int32_t>::max()}}) {
        all.push_back(n);
      }
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      for (int64_t n : {int64_t{0}, int64_t{1}, int64_t{std::numeric_limits<int32_t>::max()} + 1,
                        int64_t{std::numeric_limits<uint32_t>::max()}}) {
        all.push_back(n);
      }
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      for (int64_t n : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0}, int64_t{1},
                        (int64_t{1} << 53) + 1, std::numeric_limits<int64_t>::max()}) {
        all.push_back(n);
      }
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      for (double n : EdgeNumbers(scalar->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT)) {
        all.push_back(n);
      }
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      if (scalar->type() == FieldDescriptor::TYPE_BYTES) {
        std::string every;
        for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
        const auto longest = static_cast<size_t>(rules.max_len() > 0 ? rules.max_len() : 70000);
        every.resize(std::min(longest, every.size()));
        all = {Bytes{""},     Bytes{std::string(1, '\0')},         Bytes{every}, Bytes{"\xff\xfe"},
               Bytes{"text"}, Bytes{std::string(longest, '\x80')}};
        break;
      }
      all.push_back(std::string());
      for (const std::string& text : HostileTexts()) all.push_back(text);
      if (rules.max_len() > 0) {
        // The most characters, and the most bytes, that it may have.
        all.push_back(std::string(static_cast<size_t>(rules.max_len()), 'x'));
        std::string widest;
        for (int i = 0; i < rules.max_len(); ++i) widest += "\U0010ffff";
        all.push_back(widest);
      } else {
        all.push_back(std::string(70000, 'x'));
      }
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      for (int i = 0; i < scalar->enum_type()->value_count(); ++i) {
        if (scalar->enum_type()->value(i)->number() != 0) {
          all.push_back(scalar->enum_type()->value(i)->name());
        }
      }
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (IsTimestamp(scalar)) {
        all = {kMinTimestampMillis, kMaxTimestampMillis, int64_t{0}, int64_t{-1}, int64_t{1},
               int64_t{-1001}, int64_t{1706745599999}};
      } else if (IsDuration(scalar)) {
        const int64_t most = int64_t{315576000000} * 1000000;
        all = {most, -most, int64_t{0}, int64_t{-1}, int64_t{1}, int64_t{-1500000}};
      }
      break;
    default:
      break;
  }
  std::vector<Value> allowed;
  for (Value& value : all) {
    if (Allowed(field, rules, value)) allowed.push_back(std::move(value));
  }
  return allowed;
}

}  // namespace storegate::test

#include "server/service/rules.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include <re2/re2.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/service/reflect.h"

namespace storegate::service {
namespace {

using schema::Format;
using schema::Shape;

// The WHATWG's pattern of <input type=email>: one address, as people write them.
const re2::RE2& EmailPattern() {
  static const re2::RE2 pattern(
      "[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
      "(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*");
  return pattern;
}

// RFC 3986: a scheme, and the characters that a URI may have.
const re2::RE2& UriPattern() {
  static const re2::RE2 pattern(
      "[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\\-._~:/?#\\[\\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+");
  return pattern;
}

std::string NumberText(double value) {
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

// A long double holds every integer and every double exactly.
template <typename Given>
void CompareBounds(const Shape& shape, Given value, const std::string& given, const Path& at,
                   Violations* violations) {
  const auto wide = static_cast<long double>(value);
  const char* rule = nullptr;
  double bound = 0;
  if (shape.gte && wide < *shape.gte) rule = "at least", bound = *shape.gte;
  if (shape.gt && wide <= *shape.gt) rule = "greater than", bound = *shape.gt;
  if (shape.lte && wide > *shape.lte) rule = "at most", bound = *shape.lte;
  if (shape.lt && wide >= *shape.lt) rule = "less than", bound = *shape.lt;
  if (rule == nullptr) return;
  violations->Add(at, std::string("must be ") + rule + " " + NumberText(bound) + "; got " + given);
}

std::string_view FormatRule(Format format) {
  switch (format) {
    case Format::kUuid: return "a UUID in canonical lower case";
    case Format::kEmail: return "an email address (local-part@domain)";
    case Format::kUri: return "an absolute URI (scheme:rest)";
    case Format::kObjectId: return "an ObjectId, 24 lower case hex digits";
    case Format::kNone: break;
  }
  return "";
}

bool HasFormat(Format format, const std::string& text) {
  switch (format) {
    case Format::kUuid: return IsCanonicalUuid(text);
    case Format::kObjectId: return IsObjectId(text);
    case Format::kEmail: return re2::RE2::FullMatch(text, EmailPattern());
    case Format::kUri: return re2::RE2::FullMatch(text, UriPattern());
    case Format::kNone: break;
  }
  return true;
}

void CheckLength(const Shape& shape, size_t length, std::string_view unit, const Path& at,
                 Violations* violations) {
  const char* rule = nullptr;
  int bound = 0;
  if (length < static_cast<size_t>(shape.min_len)) rule = "at least ", bound = shape.min_len;
  if (shape.max_len > 0 && length > static_cast<size_t>(shape.max_len)) {
    rule = "at most ", bound = shape.max_len;
  }
  if (rule == nullptr) return;
  violations->Add(at, std::string("must have ") + rule + std::to_string(bound) + " " +
                          std::string(unit) + "; has " + std::to_string(length));
}

int64_t FieldOf(const Message& message, int number) {
  return IntegerAt(message, message.GetDescriptor()->FindFieldByNumber(number));
}

}  // namespace

void CheckBounds(const Shape& shape, int64_t value, const Path& at, Violations* violations) {
  if (!shape.gte && !shape.lte && !shape.gt && !shape.lt) return;
  CompareBounds(shape, value, std::to_string(value), at, violations);
}

void CheckBounds(const Shape& shape, double value, const Path& at, Violations* violations) {
  if (std::isnan(value)) return violations->Add(at, "must not be NaN");
  if (!shape.gte && !shape.lte && !shape.gt && !shape.lt) return;
  CompareBounds(shape, value, NumberText(value), at, violations);
}

void CheckText(const Shape& shape, const std::string& text, bool secret, const Path& at,
               Violations* violations) {
  if (size_t nul = text.find('\0'); nul != std::string::npos) {
    violations->Add(at, "must not hold a NUL; byte " + std::to_string(nul) + " is one");
    return;
  }
  if (shape.min_len > 0 || shape.max_len > 0) {
    CheckLength(shape, CountCodePoints(text), "characters", at, violations);
  }
  const auto given = [&] { return secret ? std::string() : "; got " + Quoted(text); };
  if (!HasFormat(shape.format, text)) {
    violations->Add(at, "must be " + std::string(FormatRule(shape.format)) + given());
  }
  if (shape.pattern != nullptr && !re2::RE2::FullMatch(text, *shape.pattern)) {
    violations->Add(at, "must match " + shape.pattern_text + given());
  }
}

void CheckBytes(const Shape& shape, const std::string& bytes, const Path& at,
                Violations* violations) {
  CheckLength(shape, bytes.size(), "bytes", at, violations);
}

void CheckEnum(const Shape& shape, int number, const Path& at, Violations* violations) {
  if (!shape.enum_type->NameOf(number).empty()) return;
  violations->Add(at, "must be a value of " + shape.enum_type->descriptor->full_name() +
                          "; got the unknown number " + std::to_string(number));
}

void CheckTimestamp(const Message& value, const Path& at, Violations* violations) {
  const int64_t seconds = FieldOf(value, 1), nanos = FieldOf(value, 2);
  if (seconds < kMinTimestampMillis / 1000 || seconds > kMaxTimestampMillis / 1000) {
    violations->Add(at, "must be from year 1 to year 9999; got " + std::to_string(seconds) +
                            " seconds");
  }
  if (nanos < 0 || nanos > 999'999'999) {
    violations->Add(at, "nanos must be from 0 to 999,999,999; got " + std::to_string(nanos));
  }
}

void CheckDuration(const Message& value, const Path& at, Violations* violations) {
  constexpr int64_t kMaxSeconds = 315'576'000'000;
  const int64_t seconds = FieldOf(value, 1), nanos = FieldOf(value, 2);
  if (seconds < -kMaxSeconds || seconds > kMaxSeconds) {
    violations->Add(at, "must be within 10,000 years; got " + std::to_string(seconds) + " seconds");
  }
  if (nanos < -999'999'999 || nanos > 999'999'999) {
    violations->Add(at, "nanos must be within 999,999,999; got " + std::to_string(nanos));
  } else if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
    violations->Add(at, "seconds and nanos must have one sign; got " + std::to_string(seconds) +
                            " and " + std::to_string(nanos));
  }
}

void CheckStruct(const Message& value, const Path& at, Violations* violations) {
  const FieldDescriptor* fields = value.GetDescriptor()->FindFieldByNumber(1);
  const FieldDescriptor* key = fields->message_type()->map_key();
  const FieldDescriptor* below = fields->message_type()->map_value();
  const auto* r = value.GetReflection();
  const int size = r->FieldSize(value, fields);
  std::string scratch;
  for (int i = 0; i < size; ++i) {
    const Message& entry = r->GetRepeatedMessage(value, fields, i);
    const Path here(at, entry, key);
    if (TextAt(entry, key, kSingular, &scratch).find('\0') != std::string::npos) {
      violations->Add(here, "the key must not hold a NUL");
    }
    CheckStructValue(MessageAt(entry, below), here, violations);
  }
}

void CheckStructValue(const Message& value, const Path& at, Violations* violations) {
  const Descriptor* type = value.GetDescriptor();
  const FieldDescriptor* kind =
      value.GetReflection()->GetOneofFieldDescriptor(value, type->FindOneofByName("kind"));
  if (kind == nullptr) return violations->Add(at, "a value without a kind; null is null_value");
  std::string scratch;
  switch (kind->number()) {
    case 1:
      if (int number = EnumAt(value, kind); number != 0) {
        violations->Add(at, "null_value must be NULL_VALUE; got the unknown number " +
                                std::to_string(number));
      }
      break;
    case 2:
      if (!std::isfinite(NumberAt(value, kind))) {
        violations->Add(at, "a number in a Struct must be finite; got " +
                                NumberText(NumberAt(value, kind)));
      }
      break;
    case 3:
      if (TextAt(value, kind, kSingular, &scratch).find('\0') != std::string::npos) {
        violations->Add(at, "must not hold a NUL");
      }
      break;
    case 5: CheckStruct(MessageAt(value, kind), at, violations); break;
    case 6: CheckListValue(MessageAt(value, kind), at, violations); break;
    default: break;
  }
}

void CheckListValue(const Message& value, const Path& at, Violations* violations) {
  const FieldDescriptor* values = value.GetDescriptor()->FindFieldByNumber(1);
  const auto* r = value.GetReflection();
  const int size = r->FieldSize(value, values);
  for (int i = 0; i < size; ++i) {
    CheckStructValue(r->GetRepeatedMessage(value, values, i), Path(at, i), violations);
  }
}

}  // namespace storegate::service

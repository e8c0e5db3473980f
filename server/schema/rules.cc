// What a value must be: lengths, bounds, patterns, formats.
#include <cmath>
#include <limits>

#include <re2/re2.h>

#include "server/base/text.h"
#include "server/schema/builder.h"
#include "server/schema/literal.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

std::string Label(const Shape& shape) {
  return shape.descriptor->containing_type()->name() + "." + shape.name;
}

bool IsInteger(Type type) {
  return type == Type::kInt32 || type == Type::kInt64 || type == Type::kUint32;
}

bool IsNumber(Type type) {
  return IsInteger(type) || type == Type::kFloat || type == Type::kDouble;
}

struct Range {
  double low;
  double high;
};
// All that an integer type holds; int64's to the nearest double.
Range RangeOf(Type type) {
  switch (type) {
    case Type::kInt32:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
    case Type::kUint32: return {0, std::numeric_limits<uint32_t>::max()};
    default: return {-9223372036854775808.0, 9223372036854775808.0};
  }
}

}  // namespace

// Options that this binary does not know are not to be ignored: they are rules.
void Builder::RefuseUnknown(const pb::Message& options, const Location& where) {
  const pb::Reflection* reflection = options.GetReflection();
  if (reflection->GetUnknownFields(options).field_count() > 0) {
    Error(where, "has options that this version of storegate does not know (number " +
                     std::to_string(reflection->GetUnknownFields(options).field(0).number()) +
                     " of " + options.GetDescriptor()->full_name() +
                     "); take a newer one, or leave them out");
    return;
  }
  std::vector<const pb::FieldDescriptor*> set;
  reflection->ListFields(options, &set);
  for (const pb::FieldDescriptor* field : set) {
    bool messages = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    if (!messages || !field->is_repeated()) continue;
    for (int i = 0; i < reflection->FieldSize(options, field); ++i) {
      RefuseUnknown(reflection->GetRepeatedMessage(options, field, i), where);
    }
  }
}

void Builder::ApplyRules(const v1::FieldOptions& options, Shape* shape) {
  shape->required = options.required();
  if (shape->required) {
    bool number = IsNumber(shape->type) || shape->type == Type::kBool;
    if (shape->presence == Presence::kPlain && number) {
      Error(shape->location, Label(*shape) + " is a plain " + shape->value->type_name() +
                                 " and cannot be required: nothing tells its zero from unset; make "
                                 "it optional");
    } else if (!shape->oneof.empty()) {
      Error(shape->location, Label(*shape) + " is a member of oneof " + shape->oneof +
                                 " and cannot be required: the others could never be set");
    }
  }
  ApplyLengths(options, shape);
  ApplyPattern(options, shape);
  ApplyBounds(options, shape);
}

void Builder::ApplyLengths(const v1::FieldOptions& options, Shape* shape) {
  shape->min_len = options.min_len();
  shape->max_len = options.max_len();
  shape->min_items = options.min_items();
  shape->max_items = options.max_items();
  auto check = [&](const std::string& name, int min, int max, bool fits, const char* what) {
    std::string given = Label(*shape) + " has min_" + name + " " + std::to_string(min) +
                        " and max_" + name + " " + std::to_string(max);
    if (min == 0 && max == 0) return;
    if (!fits) {
      Error(shape->location, Label(*shape) + " has min_" + name + " or max_" + name +
                                 ", which is for " + what);
    } else if (min < 0 || max < 0) {
      Error(shape->location, given + "; neither can be negative");
    } else if (max > 0 && min > max) {
      Error(shape->location, given + "; no value satisfies both");
    }
  };
  check("len", shape->min_len, shape->max_len,
        shape->type == Type::kString || shape->type == Type::kBytes, "strings and bytes");
  check("items", shape->min_items, shape->max_items,
        shape->presence == Presence::kRepeated || shape->presence == Presence::kMap,
        "repeated fields and maps");
}

void Builder::ApplyPattern(const v1::FieldOptions& options, Shape* shape) {
  switch (options.format()) {
    case v1::FORMAT_UNSPECIFIED: break;
    case v1::UUID: shape->format = Format::kUuid; break;
    case v1::EMAIL: shape->format = Format::kEmail; break;
    case v1::URI: shape->format = Format::kUri; break;
    case v1::OBJECT_ID: shape->format = Format::kObjectId; break;
    default:
      Error(shape->location, Label(*shape) + " has format " + std::to_string(options.format()) +
                                 ", which this version of storegate does not know");
  }
  if (shape->type != Type::kString) {
    if (!options.pattern().empty() || options.format() != v1::FORMAT_UNSPECIFIED) {
      Error(shape->location, Label(*shape) + " has pattern or format, which is for strings");
    }
    return;
  }
  const auto check_room = [&](Format format, int length, const std::string& what) {
    if (shape->format != format || shape->max_len <= 0 || shape->max_len >= length) return;
    Error(shape->location, Label(*shape) + " has max_len " + std::to_string(shape->max_len) +
                               ", and " + what + " has " + std::to_string(length) +
                               " characters");
  };
  check_room(Format::kUuid, 36, "a UUID");
  check_room(Format::kObjectId, 24, "an ObjectId");
  if (options.pattern().empty()) return;
  re2::RE2::Options re2_options;
  re2_options.set_log_errors(false);
  shape->pattern_text = options.pattern();
  shape->pattern = std::make_shared<const re2::RE2>(options.pattern(), re2_options);
  if (!shape->pattern->ok()) {
    Error(shape->location, Label(*shape) + " has a pattern that RE2 does not take: " +
                               shape->pattern->error() + "; its syntax is that of "
                               "github.com/google/re2/wiki/Syntax");
  }
}

void Builder::ApplyBounds(const v1::FieldOptions& options, Shape* shape) {
  if (options.has_gte()) shape->gte = options.gte();
  if (options.has_lte()) shape->lte = options.lte();
  if (options.has_gt()) shape->gt = options.gt();
  if (options.has_lt()) shape->lt = options.lt();
  if (!shape->gte && !shape->lte && !shape->gt && !shape->lt) return;
  const std::string label = Label(*shape);
  auto refuse = [&](const std::string& why) {
    Error(shape->location, label + " has " + why);
    shape->gte = shape->lte = shape->gt = shape->lt = std::nullopt;
  };
  if (!IsNumber(shape->type)) return refuse("gte, lte, gt or lt, which is for numbers");
  if ((shape->gte && shape->gt) || (shape->lte && shape->lt)) {
    return refuse("two lower or two upper bounds; leave one out");
  }
  constexpr double kExact = 9007199254740992;  // 2^53: doubles hold all whole numbers to here
  for (const auto& bound : {shape->gte, shape->lte, shape->gt, shape->lt}) {
    if (!bound) continue;
    if (!std::isfinite(*bound)) return refuse("a bound that is not a finite number");
    if (IsInteger(shape->type) && (*bound != std::floor(*bound) || std::fabs(*bound) > kExact)) {
      return refuse("the bound " + ShowNumber(*bound) +
                    "; on an integer it must be a whole number within ±2^53");
    }
  }
  Range range{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  if (IsInteger(shape->type)) range = RangeOf(shape->type);
  double step = IsInteger(shape->type) ? 1 : 0;
  if (shape->gte) range.low = std::max(range.low, *shape->gte);
  if (shape->gt) range.low = std::max(range.low, *shape->gt + step);
  if (shape->lte) range.high = std::min(range.high, *shape->lte);
  if (shape->lt) range.high = std::min(range.high, *shape->lt - step);
  bool open = !IsInteger(shape->type) && (shape->gt || shape->lt);
  if (range.low > range.high || (range.low == range.high && open)) {
    refuse(std::string("bounds that no ") + shape->value->type_name() + " satisfies");
  }
}

}  // namespace storegate::schema

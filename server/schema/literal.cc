#include "server/schema/literal.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <re2/re2.h>

#include "server/base/text.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

template <typename T>
bool Parse(std::string_view text, T* value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

template <typename T>
std::string WhyBadNumber(std::string_view text, const Shape& shape) {
  T value{};
  if (!Parse(text, &value)) {
    if constexpr (std::is_integral_v<T>) {
      return "is no whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
             std::to_string(std::numeric_limits<T>::max());
    }
    return "is no number";
  }
  if (!std::isfinite(static_cast<double>(value))) return "is no finite number";
  // Whole bounds are within 2^53, so that integers compare as integers.
  auto as_bound = [](double bound) { return static_cast<std::conditional_t<
      std::is_integral_v<T>, int64_t, double>>(bound); };
  if (shape.gte && value < as_bound(*shape.gte)) return "is below gte " + ShowNumber(*shape.gte);
  if (shape.lte && value > as_bound(*shape.lte)) return "is above lte " + ShowNumber(*shape.lte);
  if (shape.gt && value <= as_bound(*shape.gt)) return "is not above gt " + ShowNumber(*shape.gt);
  if (shape.lt && value >= as_bound(*shape.lt)) return "is not below lt " + ShowNumber(*shape.lt);
  return "";
}

std::string WhyBadString(std::string_view text, const Shape& shape) {
  if (FindInvalidUtf8(text) != std::string_view::npos) return "is not UTF-8";
  if (text.find('\0') != std::string_view::npos) return "holds a NUL";
  size_t length = CountCodePoints(text);
  if (length < static_cast<size_t>(std::max(0, shape.min_len))) {
    return "is shorter than min_len " + std::to_string(shape.min_len);
  }
  if (shape.max_len > 0 && length > static_cast<size_t>(shape.max_len)) {
    return "is longer than max_len " + std::to_string(shape.max_len);
  }
  if (shape.format == Format::kUuid && !IsCanonicalUuid(text)) return "is no lower case UUID";
  if (shape.format == Format::kObjectId && !IsObjectId(text)) return "is no lower case ObjectId";
  if (shape.format == Format::kEmail || shape.format == Format::kUri) {
    return "does not go together with format EMAIL or URI";
  }
  if (shape.pattern != nullptr && shape.pattern->ok() &&
      !re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *shape.pattern)) {
    return "does not match the pattern";
  }
  return "";
}

}  // namespace

std::string ShowNumber(double number) {
  char buffer[32];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), number);
  return std::string(buffer, end);
}

std::string WhyBadLiteral(std::string_view text, const Shape& shape) {
  switch (shape.type) {
    case Type::kBool: return text == "true" || text == "false" ? "" : "is neither true nor false";
    case Type::kInt32: return WhyBadNumber<int32_t>(text, shape);
    case Type::kInt64: return WhyBadNumber<int64_t>(text, shape);
    case Type::kUint32: return WhyBadNumber<uint32_t>(text, shape);
    case Type::kFloat: return WhyBadNumber<float>(text, shape);
    case Type::kDouble: return WhyBadNumber<double>(text, shape);
    case Type::kString: return WhyBadString(text, shape);
    case Type::kEnum: {
      if (shape.enum_type->NumberOf(text)) return "";
      std::vector<std::string> names;
      for (const auto& [name, number] : shape.enum_type->numbers) names.push_back(name);
      return "is no value of " + shape.enum_type->descriptor->full_name() +
             DidYouMean(text, names);
    }
    default: return "stands for no value of a field of this type";
  }
}

}  // namespace storegate::schema

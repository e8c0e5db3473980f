#include "tests/differential/symbols.h"

#include <cstdio>
#include <cstdlib>

namespace storegate::test {
namespace {

constexpr int64_t kFirstId = 4'000'000'000'000'000;
constexpr int64_t kFirstTimeSecond = 200'000'000'000;
constexpr int64_t kLabels = 1'000'000;
constexpr std::string_view kToken = "<token of ";

}  // namespace

Value GivenId(const schema::Entity& entity, int label, int item) {
  const int64_t number = int64_t{label} * 100 + item;
  if (entity.id->type == schema::Type::kInt64) return kFirstId + number;
  if (entity.id->format == schema::Format::kUuid) {
    char text[37];
    std::snprintf(text, sizeof(text), "00000000-0000-7000-8000-%012lld",
                  static_cast<long long>(number));
    return std::string(text);
  }
  if (entity.id->format == schema::Format::kObjectId) {
    char text[25];
    std::snprintf(text, sizeof(text), "5f5f5f5f%016llx", static_cast<unsigned long long>(number));
    return std::string(text);
  }
  return "<id of " + std::to_string(label) + "." + std::to_string(item) + ">";
}

Value Nobodys(const Value& given_id) {
  const int64_t* number = std::get_if<int64_t>(&given_id);
  return number != nullptr && *number >= kFirstId && *number < kFirstId + 100 * kLabels
             ? Value(-*number)
             : given_id;
}

std::string TokenOf(int label) { return std::string(kToken) + std::to_string(label) + ">"; }

std::optional<int> LabelOfToken(std::string_view token) {
  if (token.substr(0, kToken.size()) != kToken) return std::nullopt;
  return std::atoi(std::string(token.substr(kToken.size())).c_str());
}

int64_t TimeOf(int label) { return (kFirstTimeSecond + label) * 1000; }

std::optional<int> LabelOfTime(int64_t millis) {
  const int64_t label = millis / 1000 - kFirstTimeSecond;
  if (millis % 1000 != 0 || label < 0 || label >= kLabels) return std::nullopt;
  return static_cast<int>(label);
}

}  // namespace storegate::test

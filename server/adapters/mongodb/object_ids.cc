#include "server/adapters/mongodb/object_ids.h"

#include <algorithm>

namespace storegate::mongodb {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr size_t kLength = 24;

std::string Filled(std::string digits) {
  digits.resize(kLength, '0');
  return digits;
}

}  // namespace

std::optional<std::string> ObjectIdBehind(std::string_view text) {
  const size_t same = std::min(text.find_first_not_of(kDigits), std::min(text.size(), kLength));
  std::string digits(text.substr(0, same));
  // What begins so and goes on is behind the text where that ends here.
  if (same == text.size()) return Filled(std::move(digits));
  if (same < kLength) {
    const auto above = [&](char digit) {
      return static_cast<unsigned char>(digit) > static_cast<unsigned char>(text[same]);
    };
    const auto next = std::ranges::find_if(kDigits, above);
    if (next != kDigits.end()) return Filled(std::move(digits) + *next);
  }
  // All that begin so are before it: the next beginning.
  while (!digits.empty() && digits.back() == 'f') digits.pop_back();
  if (digits.empty()) return std::nullopt;
  digits.back() = kDigits[kDigits.find(digits.back()) + 1];
  return Filled(std::move(digits));
}

}  // namespace storegate::mongodb

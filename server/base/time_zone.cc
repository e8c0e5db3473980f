#include "server/base/time_zone.h"

#include <algorithm>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

namespace storegate {
namespace {

// Names are parts of paths to whoever loads them.
bool HasForm(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '+' || c == '/';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '/' &&
         std::ranges::all_of(name, good);
}

bool Load(std::string_view name, absl::TimeZone* zone) {
  // "localtime" is a file of no place, and "Fixed/…" absl's own.
  if (!HasForm(name) || name == "localtime" || name.starts_with("Fixed/")) return false;
  return absl::LoadTimeZone(std::string(name), zone);
}

std::string Padded(int64_t number, size_t width) {
  std::string digits = std::to_string(number);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

}  // namespace

bool IsTimeZone(std::string_view name) {
  absl::TimeZone zone;
  return Load(name, &zone);
}

std::string LocalPart(int64_t millis, TimePart part, std::string_view name) {
  absl::TimeZone zone = absl::UTCTimeZone();
  if (!name.empty() && !Load(name, &zone)) zone = absl::UTCTimeZone();
  const absl::CivilSecond local = absl::ToCivilSecond(absl::FromUnixMillis(millis), zone);
  std::string text = Padded(local.year(), 4);
  if (part == TimePart::kYear) return text;
  text += '-' + Padded(local.month(), 2);
  if (part == TimePart::kMonth) return text;
  text += '-' + Padded(local.day(), 2);
  if (part == TimePart::kDay) return text;
  return text + 'T' + Padded(local.hour(), 2);
}

}  // namespace storegate

#include "server/base/time.h"

#include <cassert>
#include <random>

namespace storegate {
namespace {

constexpr int64_t kMillisPerDay = 86400000;
// The range of google.protobuf.Duration, in seconds: about 10,000 years.
constexpr int64_t kMaxDurationSeconds = 315576000000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads exactly `count` digits at the beginning of `in` and moves past them.
bool ReadDigits(std::string_view* in, int count, int* value) {
  if (in->size() < static_cast<size_t>(count)) return false;
  *value = 0;
  for (int i = 0; i < count; ++i) {
    const char c = (*in)[i];
    if (!IsDigit(c)) return false;
    *value = *value * 10 + (c - '0');
  }
  in->remove_prefix(count);
  return true;
}

bool ReadChar(std::string_view* in, char expected) {
  if (in->empty() || in->front() != expected) return false;
  in->remove_prefix(1);
  return true;
}

// What follows a ".": the first `keep` digits as a number; false without a digit.
bool ReadFraction(std::string_view* in, int keep, int64_t* value) {
  size_t size = 0;
  *value = 0;
  while (size < in->size() && IsDigit((*in)[size])) {
    if (size < static_cast<size_t>(keep)) *value = *value * 10 + ((*in)[size] - '0');
    ++size;
  }
  for (size_t i = size; i < static_cast<size_t>(keep); ++i) *value *= 10;
  in->remove_prefix(size);
  return size > 0;
}

void WriteDigits(int64_t value, int count, char* out) {
  for (int i = count - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

std::chrono::milliseconds RandomPause(std::chrono::milliseconds least,
                                      std::chrono::milliseconds most) {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(
      std::uniform_int_distribution<int64_t>(least.count(), most.count())(random));
}

int64_t NowMillis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string FormatTimestamp(int64_t millis) {
  assert(millis >= kMinTimestampMillis && millis <= kMaxTimestampMillis);
  int64_t days = millis / kMillisPerDay;
  int64_t rest = millis % kMillisPerDay;
  if (rest < 0) rest += kMillisPerDay, --days;
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(days)}}};
  std::string out = "0000-00-00T00:00:00.000Z";
  WriteDigits(static_cast<int>(date.year()), 4, &out[0]);
  WriteDigits(static_cast<unsigned>(date.month()), 2, &out[5]);
  WriteDigits(static_cast<unsigned>(date.day()), 2, &out[8]);
  WriteDigits(rest / 3600000, 2, &out[11]);
  WriteDigits(rest / 60000 % 60, 2, &out[14]);
  WriteDigits(rest / 1000 % 60, 2, &out[17]);
  WriteDigits(rest % 1000, 3, &out[20]);
  return out;
}

std::optional<int64_t> ParseTimestamp(std::string_view text) {
  int year, month, day, hour, minute, second;
  if (!ReadDigits(&text, 4, &year) || !ReadChar(&text, '-') || !ReadDigits(&text, 2, &month) ||
      !ReadChar(&text, '-') || !ReadDigits(&text, 2, &day)) {
    return std::nullopt;
  }
  if (!ReadChar(&text, 'T') && !ReadChar(&text, 't')) return std::nullopt;
  if (!ReadDigits(&text, 2, &hour) || !ReadChar(&text, ':') || !ReadDigits(&text, 2, &minute) ||
      !ReadChar(&text, ':') || !ReadDigits(&text, 2, &second)) {
    return std::nullopt;
  }
  int64_t fraction = 0;
  if (ReadChar(&text, '.') && !ReadFraction(&text, 3, &fraction)) return std::nullopt;
  int64_t offset_minutes = 0;
  if (!ReadChar(&text, 'Z') && !ReadChar(&text, 'z')) {
    const bool ahead = ReadChar(&text, '+');
    int offset_hour, offset_minute;
    if ((!ahead && !ReadChar(&text, '-')) || !ReadDigits(&text, 2, &offset_hour) ||
        !ReadChar(&text, ':') || !ReadDigits(&text, 2, &offset_minute) || offset_hour > 23 ||
        offset_minute > 59) {
      return std::nullopt;
    }
    offset_minutes = offset_hour * 60 + offset_minute;
    if (!ahead) offset_minutes = -offset_minutes;
  }
  if (!text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  // Leap seconds (:60) are no points of Unix time.
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const int64_t millis = days * kMillisPerDay + hour * 3600000LL +
                         (minute - offset_minutes) * 60000 + second * 1000LL + fraction;
  if (millis < kMinTimestampMillis || millis > kMaxTimestampMillis) return std::nullopt;
  return millis;
}

std::string FormatDuration(int64_t micros) {
  // The magnitude of the smallest int64 fits only into an unsigned one.
  const uint64_t size = micros < 0 ? 0 - static_cast<uint64_t>(micros) : micros;
  std::string out = micros < 0 ? "-" : "";
  out += std::to_string(size / 1000000);
  const int64_t fraction = static_cast<int64_t>(size % 1000000);
  if (fraction != 0) {
    const int digits = fraction % 1000 == 0 ? 3 : 6;
    out += '.';
    out.append(digits, '0');
    WriteDigits(digits == 3 ? fraction / 1000 : fraction, digits, &out[out.size() - digits]);
  }
  out += 's';
  return out;
}

std::optional<int64_t> ParseDuration(std::string_view text) {
  const bool negative = ReadChar(&text, '-');
  int64_t seconds = 0;
  size_t digits = 0;
  while (digits < text.size() && IsDigit(text[digits])) {
    seconds = seconds * 10 + (text[digits] - '0');
    if (seconds > kMaxDurationSeconds) return std::nullopt;
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  int64_t fraction = 0;
  if (ReadChar(&text, '.') && !ReadFraction(&text, 6, &fraction)) return std::nullopt;
  if (text != "s") return std::nullopt;
  if (seconds == kMaxDurationSeconds && fraction > 0) return std::nullopt;
  const int64_t micros = seconds * 1000000 + fraction;
  return negative ? -micros : micros;
}

}  // namespace storegate

// Logs: one JSON object a line on stderr, by spdlog. No values of records, no
// passwords, no driver text with values in it. Any thread.
//
//   Log(Level::kWarn, "slow statement", {{"entity", name}, {"ms", 1200}});
//   {"time":"2026-01-31T23:59:59.123Z","level":"warn","message":"slow statement","entity":"…","ms":1200}
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace storegate {

enum class Level { kDebug, kInfo, kWarn, kError };

struct LogField {
  std::string_view key;
  std::variant<std::string, int64_t, double, bool> value;

  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, int64_t v) : key(k), value(v) {}
  LogField(std::string_view k, int v) : key(k), value(static_cast<int64_t>(v)) {}
  LogField(std::string_view k, size_t v) : key(k), value(static_cast<int64_t>(v)) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
};

void SetLogLevel(Level level);
void Log(Level level, std::string_view message, std::initializer_list<LogField> fields = {});

// Sends what libprotobuf would print to stderr nowhere but kDebug: one line for
// each invalid string of a hostile caller is a flood. Call first thing in main.
void CaptureProtobufLogs();

}  // namespace storegate

#include "server/base/log.h"

#include <charconv>
#include <cmath>

#include <google/protobuf/stubs/logging.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "server/base/text.h"
#include "server/base/time.h"

namespace storegate {
namespace {

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarn: return "warn";
    case Level::kError: return "error";
  }
  return "error";
}

// Never destroyed: threads may log while the process ends.
spdlog::logger& Logger() {
  static spdlog::logger& logger = *[] {
    auto* made = new spdlog::logger("storegate", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::trace);
    // A stderr that nobody reads must not become an exception or another line.
    made->set_error_handler([](const std::string&) {});
    return made;
  }();
  return logger;
}

void AppendValue(const LogField& field, std::string* out) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    AppendJsonString(*text, out);
  } else if (const auto* number = std::get_if<int64_t>(&field.value)) {
    *out += std::to_string(*number);
  } else if (const auto* flag = std::get_if<bool>(&field.value)) {
    *out += *flag ? "true" : "false";
  } else {
    const double real = std::get<double>(field.value);
    if (!std::isfinite(real)) {  // JSON has no word for it
      *out += "null";
      return;
    }
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), real);
    out->append(buffer, end.ptr);
  }
}

void HandleProtobuf(google::protobuf::LogLevel level, const char* file, int line,
                    const std::string& message) {
  Log(level == google::protobuf::LOGLEVEL_FATAL ? Level::kError : Level::kDebug, "libprotobuf",
      {{"file", file}, {"line", line}, {"text", message}});
}

}  // namespace

void SetLogLevel(Level level) { Logger().set_level(ToSpdlog(level)); }

void Log(Level level, std::string_view message, std::initializer_list<LogField> fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(ToSpdlog(level))) return;
  std::string line = "{\"time\":\"" + FormatTimestamp(NowMillis()) + "\",\"level\":\"";
  line += LevelName(level);
  line += "\",\"message\":";
  AppendJsonString(message, &line);
  for (const LogField& field : fields) {
    line += ',';
    AppendJsonString(field.key, &line);
    line += ':';
    AppendValue(field, &line);
  }
  line += '}';
  logger.log(ToSpdlog(level), spdlog::string_view_t(line));
}

void CaptureProtobufLogs() { google::protobuf::SetLogHandler(HandleProtobuf); }

}  // namespace storegate

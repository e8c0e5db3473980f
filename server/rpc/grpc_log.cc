#include "server/rpc/grpc_log.h"

#include <grpc/support/log.h>

#include <chrono>
#include <cstring>
#include <mutex>
#include <string_view>

#include "server/base/log.h"

namespace storegate::rpc {
namespace {

constexpr std::chrono::seconds kWindow{10};
constexpr int kLinesMax = 10;  // a window

class Limiter {
 public:
  // False: leave the line out. `*left_out`: how many were, since the last one.
  bool Allow(int64_t* left_out) {
    std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now - start_ >= kWindow) {
      start_ = now;
      lines_ = 0;
    }
    if (lines_ >= kLinesMax) {
      ++left_out_;
      return false;
    }
    ++lines_;
    *left_out = left_out_;
    left_out_ = 0;
    return true;
  }

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_;
  int lines_ = 0;
  int64_t left_out_ = 0;
};

void Write(gpr_log_func_args* args) {
  // Never destroyed: gRPC's threads may log while the process exits.
  static Limiter* const limiter = new Limiter;
  const char* slash = std::strrchr(args->file, '/');
  const std::string_view file = slash == nullptr ? args->file : slash + 1;
  if (args->severity != GPR_LOG_SEVERITY_ERROR) {
    Log(Level::kDebug, "grpc", {{"text", args->message}, {"file", file}, {"line", args->line}});
    return;
  }
  int64_t left_out = 0;
  if (!limiter->Allow(&left_out)) return;
  Log(Level::kWarn, "grpc",
      {{"text", args->message}, {"file", file}, {"line", args->line}, {"left_out", left_out}});
}

}  // namespace

void CaptureGrpcLogs() {
  static const bool once = (gpr_set_log_function(Write), true);
  static_cast<void>(once);
}

}  // namespace storegate::rpc

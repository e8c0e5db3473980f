#include "server/cmd/starting.h"

#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/base/log.h"
#include "server/cmd/serve.h"

namespace storegate::cmd {
namespace {

constexpr std::chrono::seconds kLogEvery{10};
constexpr std::chrono::milliseconds kRetryDelay{1000};

}  // namespace

void Starting::Handle(service::Call call) {
  if (service::Service* service = service_.load(std::memory_order_acquire)) {
    return service->Handle(std::move(call));
  }
  std::string why;
  {
    std::lock_guard lock(mutex_);
    why = doing_ + (detail_.empty() ? "" : ", " + detail_);
  }
  Status status(Code::kUnavailable, "STARTING",
                "The server is starting" + (why.empty() ? "" : ": " + why) + ".");
  call.done(status.WithRetryDelay(kRetryDelay), "");
}

void Starting::Report(rpc::Server* server, const std::string& doing, const std::string& detail) {
  const auto now = std::chrono::steady_clock::now();
  const std::string text = doing + (detail.empty() ? "" : ", " + detail);
  {
    std::lock_guard lock(mutex_);
    const bool log = doing != doing_ || now - logged_ >= kLogEvery;
    doing_ = doing;
    detail_ = detail;
    if (log) {
      logged_ = now;
      Log(Level::kInfo, "preparing", {{"doing", text}});
    }
  }
  if (service_.load(std::memory_order_acquire) == nullptr) server->SetReason(text);
}

EndAtSignal::EndAtSignal() : over_(eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([over = over_] {
    sigset_t signals = EndingSignals();
    const int arrived = signalfd(-1, &signals, SFD_CLOEXEC);
    pollfd wanted[] = {{over, POLLIN, 0}, {arrived, POLLIN, 0}};
    while (poll(wanted, 2, -1) < 0) {
    }
    signalfd_siginfo info;
    if (wanted[0].revents == 0 && read(arrived, &info, sizeof info) == sizeof info) {
      Log(Level::kInfo, "stopped before it served", {{"signal", static_cast<int>(info.ssi_signo)}});
      _exit(128 + static_cast<int>(info.ssi_signo));
    }
    close(arrived);
  });
}

EndAtSignal::~EndAtSignal() {
  const uint64_t one = 1;
  while (write(over_, &one, sizeof one) < 0) {
  }
  thread_.join();
  close(over_);
}

}  // namespace storegate::cmd

// Starting: what a server is between listening and serving. Calls that come meanwhile are
// told why they must wait; so are those who ask health, and the log.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>

#include "server/rpc/server.h"
#include "server/service/service.h"

namespace storegate::cmd {

// Any thread.
class Starting {
 public:
  // Hands the call to the service; until there is one: UNAVAILABLE, reason STARTING.
  void Handle(service::Call call);

  // What is being done, and how far it is (migration_texts.h). `server` hears of it until
  // Serve; the log goes on to, at most each ten seconds for one thing that is done.
  void Report(rpc::Server* server, const std::string& doing, const std::string& detail);

  // From now on calls reach the service, which outlives the server.
  void Serve(service::Service* service) { service_.store(service, std::memory_order_release); }

 private:
  std::atomic<service::Service*> service_{nullptr};
  std::mutex mutex_;
  // Guarded by mutex_:
  std::string doing_;
  std::string detail_;
  std::chrono::steady_clock::time_point logged_;
};

// While one lives, SIGTERM and SIGINT end the process at once: what is done at a start is
// made to be cut short at any time. They are held back before and after (serve.h).
class EndAtSignal {
 public:
  EndAtSignal();
  ~EndAtSignal();

 private:
  int over_;  // eventfd
  std::thread thread_;
};

}  // namespace storegate::cmd

// A server that a test program runs beside itself, in a folder of its own under the
// temporary directory; both are gone with the test, however it ends.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace storegate::test {

// Used by one thread. What cannot be done aborts, with the server's log.
class ServerProcess {
 public:
  // `name` is for messages and for the folder: "mongodb".
  explicit ServerProcess(std::string name);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Where it runs, and may write; holds `log`, what it says.
  const std::filesystem::path& folder() const { return folder_; }

  // Runs the command, in the folder. REQUIRES: it does not run.
  void Start(const std::vector<std::string>& command);
  // Until 127.0.0.1:`port` takes connections. False when the program ends before.
  bool AwaitPort(int port, std::chrono::seconds at_most = std::chrono::seconds(120));
  // It was started and has not ended.
  bool Runs();

  // kill -9, and its end. Nothing where it does not run.
  void Kill() { End(9); }
  // As an operator would: SIGTERM, and its end.
  void Stop() { End(15); }
  // Stops answering, as a machine that hangs; and goes on.
  void Freeze();
  void Thaw();

  // What it has said, its end.
  std::string Log() const;
  [[noreturn]] void Die(const std::string& what) const;

 private:
  void End(int signal);

  const std::string name_;
  std::filesystem::path folder_;
  pid_t pid_ = 0;  // 0: does not run
  // The guard kills the server and removes the folder when this pipe closes, as it
  // does when this process ends.
  pid_t guard_ = 0;
  int guard_pipe_ = -1;
};

// A port of 127.0.0.1 that nobody listens on, and that no connection gets for its own
// end while a server is down. Somebody else may take it before a server does.
int FreeServerPort();

}  // namespace storegate::test

#include "tests/support/server_process.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace storegate::test {
namespace {

namespace fs = std::filesystem;

// Waits until its input ends, kills the server, removes the folder. The server is
// whose process id is in the folder and who works there.
constexpr char kGuard[] = R"(
trap '' INT TERM HUP
read -r _
if pid=$(cat "$1/pid") && [ "/proc/$pid/cwd" -ef "$1" ]; then kill -KILL "$pid"; fi
cd /
rm -rf "$1"
)";

// Says its process id before it becomes the server.
constexpr char kLauncher[] = R"(echo $$ > pid && exec "$@")";

// With output to a file, in a folder; out of the terminal's reach.
pid_t Spawn(const std::vector<std::string>& command, const fs::path& folder, int input,
            const fs::path& output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  if (input >= 0) {
    posix_spawn_file_actions_adddup2(&files, input, 0);
  } else {
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawn_file_actions_addchdir_np(&files, folder.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, arguments[0], &files, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return error == 0 ? pid : 0;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

bool Listens(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

}  // namespace

ServerProcess::ServerProcess(std::string name) : name_(std::move(name)) {
  std::string folder = (fs::temp_directory_path() / ("storegate-" + name_ + "-XXXXXX")).string();
  if (mkdtemp(folder.data()) == nullptr) Die("no folder " + folder);
  folder_ = folder;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Die("pipe");
  guard_ = Spawn({"sh", "-c", kGuard, "storegate-" + name_ + "-guard", folder}, folder_, ends[0],
                 "/dev/null");
  if (guard_ == 0) Die("cannot run sh");
  close(ends[0]);
  guard_pipe_ = ends[1];
}

ServerProcess::~ServerProcess() {
  End(SIGKILL);
  close(guard_pipe_);
  int status = 0;
  while (waitpid(guard_, &status, 0) < 0 && errno == EINTR) {
  }
}

void ServerProcess::Start(const std::vector<std::string>& command) {
  if (Runs()) Die("runs already");
  std::vector<std::string> all = {"sh", "-c", kLauncher, "storegate-" + name_};
  all.insert(all.end(), command.begin(), command.end());
  pid_ = Spawn(all, folder_, -1, folder_ / "log");
  if (pid_ == 0) Die("cannot run sh");
}

bool ServerProcess::AwaitPort(int port, std::chrono::seconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (Runs()) {
    if (Listens(port)) return Runs();  // else it is somebody else who listens
    if (std::chrono::steady_clock::now() > until) Die("takes no connections:\n" + Log());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

bool ServerProcess::Runs() {
  if (pid_ == 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) pid_ = 0;
  return pid_ != 0;
}

void ServerProcess::End(int signal) {
  if (!Runs()) return;
  kill(pid_, signal);
  kill(pid_, SIGCONT);
  for (int i = 0; i < 60 * 1000; ++i) {
    if (!Runs()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Die("process " + std::to_string(pid_) + " does not end:\n" + Log());
}

void ServerProcess::Freeze() {
  if (!Runs()) Die("does not run, and cannot be frozen:\n" + Log());
  kill(pid_, SIGSTOP);
  int status = 0;
  // Every thread of it, when this returns.
  while (waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
  }
  if (!WIFSTOPPED(status)) Die("ended when it was to be frozen");
}

void ServerProcess::Thaw() {
  if (Runs()) kill(pid_, SIGCONT);
}

std::string ServerProcess::Log() const {
  std::ifstream in(folder_ / "log");
  std::ostringstream text;
  text << in.rdbuf();
  constexpr size_t kShown = 8000;
  const std::string all = text.str();
  return all.size() <= kShown ? all : "…" + all.substr(all.size() - kShown);
}

void ServerProcess::Die(const std::string& what) const {
  std::fprintf(stderr, "%s for tests: %s\n", name_.c_str(), what.c_str());
  std::abort();
}

int FreeServerPort() {
  // Below those that the system gives to connections (ip_local_port_range): while
  // nobody listens on one of those, a connection to it may find itself.
  static std::mt19937 random{std::random_device()()};
  for (int tries = 0; tries < 1000; ++tries) {
    const int port = std::uniform_int_distribution<int>(12000, 31999)(random);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(port);
    const bool taken = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0;
    close(fd);
    if (!taken) return port;
  }
  std::fprintf(stderr, "no free port for a server\n");
  std::abort();
}

}  // namespace storegate::test

#include "test_server.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "gateway.h"
#include "storegate/v1/testing.grpc.pb.h"

namespace {

// Closed in the child, so that the system closes the server's stdin when this program is
// killed; the server then ends by itself.
void OpenPipe(int (&ends)[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe to storegate");
}

std::string ReadLine(int fd) {
  std::string line;
  for (char letter; read(fd, &letter, 1) == 1 && letter != '\n';) line += letter;
  return line;
}

}  // namespace

TestServer::TestServer(const std::vector<std::string>& flags) {
  const char* binary = std::getenv("STOREGATE_BIN");
  std::vector<std::string> words = {binary != nullptr ? binary : "storegate", "serve",
                                    "--ephemeral", "--log-level", "warn"};
  words.insert(words.end(), flags.begin(), flags.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int in[2], out[2];
  OpenPipe(in);
  OpenPipe(out);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  const int error = posix_spawnp(&pid_, words[0].c_str(), &actions, nullptr, arguments.data(),
                                 environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  stdin_ = in[1];
  const std::string line = error == 0 ? ReadLine(out[0]) : "";
  close(out[0]);

  // {"listen":"127.0.0.1:43121","pid":4711}
  constexpr char kListen[] = "\"listen\":\"";
  const size_t begin = line.find(kListen);
  if (begin == std::string::npos) {
    close(stdin_);
    if (error == 0) waitpid(pid_, nullptr, 0);
    throw std::runtime_error(words[0] + " does not serve: " +
                             (error != 0 ? std::strerror(error) : "it said why on stderr"));
  }
  const size_t address = begin + sizeof(kListen) - 1;
  target_ = line.substr(address, line.find('"', address) - address);
}

TestServer::~TestServer() {
  kill(pid_, SIGKILL);  // it keeps nothing
  waitpid(pid_, nullptr, 0);
  close(stdin_);
}

void TestServer::Reset() {
  const auto channel = grpc::CreateChannel(target_, grpc::InsecureChannelCredentials());
  gateway::Context context;
  storegate::v1::ResetResponse response;
  const grpc::Status status =
      storegate::v1::Testing::NewStub(channel)->Reset(&context, {}, &response);
  if (!status.ok()) throw std::runtime_error("reset: " + status.error_message());
}

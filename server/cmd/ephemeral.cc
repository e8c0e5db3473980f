#include "server/cmd/ephemeral.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include <nlohmann/json.hpp>

#include "server/cmd/seed.h"

namespace storegate::cmd {

std::unique_ptr<sqlite::Snapshot> SeedAndKeep(const Config& config, Gateway* gateway,
                                              std::ostream& errors) {
  if (!config.seed.empty()) {
    std::ifstream file;
    SeedReport report;
    if (!OpenSeed(config.seed, &file, errors) ||
        !LoadSeed(config, file, config.seed, gateway, &report, errors)) {
      return nullptr;
    }
  }
  Result<std::unique_ptr<sqlite::Snapshot>> snapshot =
      sqlite::Snapshot::Take(gateway->databases().all().front()->backend.get());
  if (!snapshot.ok()) {
    PrintStatus(snapshot.status(), errors);
    return nullptr;
  }
  return *std::move(snapshot);
}

std::string EphemeralLine(const std::string& listen) {
  return nlohmann::json{{"listen", listen}, {"pid", getpid()}}.dump();
}

bool InputEnded() {
  struct stat input {};
  if (fstat(STDIN_FILENO, &input) != 0) return false;
  if (!S_ISFIFO(input.st_mode) && !S_ISSOCK(input.st_mode)) return false;
  for (;;) {
    pollfd wanted{STDIN_FILENO, POLLIN, 0};
    if (poll(&wanted, 1, 0) <= 0) return false;
    char ignored[4096];
    const ssize_t got = read(STDIN_FILENO, ignored, sizeof ignored);
    if (got == 0) return true;
    if (got < 0) return errno != EINTR && errno != EAGAIN;
  }
}

}  // namespace storegate::cmd

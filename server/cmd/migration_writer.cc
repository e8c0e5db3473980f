#include "server/cmd/migration_writer.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fcntl.h>
#include <re2/re2.h>
#include <unistd.h>

namespace storegate::cmd {
namespace {

namespace fs = std::filesystem;

Status CannotWrite(const std::string& path, int error) {
  return Status(Code::kFailedPrecondition, "CANNOT_WRITE",
                path + " cannot be written: " + std::strerror(error));
}

// 0, or why not. Durable once the folder is.
int WriteFile(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return errno;
  int error = 0;
  for (size_t done = 0; done < text.size() && error == 0;) {
    const ssize_t wrote = write(file, text.data() + done, text.size() - done);
    if (wrote >= 0) {
      done += static_cast<size_t>(wrote);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && fsync(file) != 0) error = errno;
  if (close(file) != 0 && error == 0) error = errno;
  return error;
}

void SyncFolder(const fs::path& folder) {
  const int file = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

// Removes what it was told of, unless all went well.
class Cleanup {
 public:
  ~Cleanup() {
    for (const std::string& path : paths_) unlink(path.c_str());
  }
  void Add(const std::string& path) { paths_.insert(path); }
  void Done(const std::string& path) { paths_.erase(path); }
  void Keep() { paths_.clear(); }

 private:
  std::set<std::string> paths_;
};

// A file that waits beside its place: ".NAME.PID.new".
struct Aside {
  fs::path path;
  fs::path place;
  bool placed = false;  // it has its name as well
};

// The process that wrote it; nothing where the name is no such.
std::optional<pid_t> ReadAside(const fs::path& path, Aside* aside) {
  static const re2::RE2 kName(R"(\.(.+)\.(\d{1,9})\.new)");
  std::string name;
  int pid = 0;
  if (!re2::RE2::FullMatch(path.filename().string(), kName, &name, &pid)) return std::nullopt;
  aside->path = path;
  aside->place = path.parent_path() / name;
  std::error_code error;
  aside->placed = fs::equivalent(aside->path, aside->place, error);
  return pid;
}

}  // namespace

std::vector<std::string> TakeBackUnfinished(const std::vector<std::string>& folders) {
  std::map<pid_t, std::vector<Aside>> left;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      Aside aside;
      const std::optional<pid_t> pid = ReadAside(entry.path(), &aside);
      // In a container its number may be this process's.
      const bool alive = pid && *pid != getpid() && (kill(*pid, 0) == 0 || errno != ESRCH);
      if (pid && !alive) left[*pid].push_back(std::move(aside));
    }
  }
  std::set<std::string> gone;
  for (const auto& [pid, files] : left) {
    // What replaces another file is placed last, and does not wait any more then.
    const bool ended = std::ranges::all_of(files, &Aside::placed);
    for (const Aside& file : files) {
      if (!ended && file.placed && unlink(file.place.c_str()) == 0) gone.insert(file.place.string());
      unlink(file.path.c_str());
    }
  }
  return {gone.begin(), gone.end()};
}

Status WriteFiles(const std::vector<NewFile>& files) {
  Cleanup cleanup;
  std::vector<std::string> aside;
  for (const NewFile& file : files) {
    const fs::path path(file.path);
    std::error_code error;
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
    if (error) return CannotWrite(file.path, error.value());
    // Hidden, so that nobody takes it for a migration.
    aside.push_back((path.parent_path() / ("." + path.filename().string() + "." +
                                           std::to_string(getpid()) + ".new"))
                        .string());
    unlink(aside.back().c_str());
    cleanup.Add(aside.back());
    if (int wrong = WriteFile(aside.back(), file.text)) return CannotWrite(file.path, wrong);
  }
  Cleanup placed;
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string& path = files[i].path;
    // A link is refused where the name is taken; a rename would take its place.
    const int failed = files[i].replace ? rename(aside[i].c_str(), path.c_str())
                                        : link(aside[i].c_str(), path.c_str());
    if (failed != 0 && errno == EEXIST) {
      return Status(Code::kAlreadyExists, "FILE_EXISTS",
                    path + " is there already; nothing was written");
    }
    if (failed != 0) return CannotWrite(path, errno);
    if (files[i].replace) {
      cleanup.Done(aside[i]);
    } else {
      placed.Add(path);
    }
  }
  placed.Keep();
  for (const NewFile& file : files) SyncFolder(fs::path(file.path).parent_path());
  return Status();
}

}  // namespace storegate::cmd

#include "server/adapters/sqlite/migration_lock.h"

#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/process.h"
#include "server/base/time.h"

namespace storegate::sqlite {

using repository::LockHolder;

namespace {

constexpr size_t kMostBytes = 1024;

std::string NotePath(const Location& location) {
  if (location.memory) return "";
  // All who come to one database by several paths look at one note.
  std::error_code error;
  const std::filesystem::path file = std::filesystem::weakly_canonical(location.name, error);
  return (error ? location.name : file.string()) + ".migrating";
}

// Belongs to the open file, not to the process, and goes when the process does (fcntl(2),
// "Open file description locks").
struct flock Whole() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

template <typename Number>
bool ReadNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

LockHolder Parse(std::string_view text) {
  std::string_view lines[3];
  for (std::string_view& line : lines) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  LockHolder holder{std::string(lines[0]), 0, 0};
  if (!ReadNumber(lines[1], &holder.migration)) return {};
  if (!ReadNumber(lines[2], &holder.since_millis)) return {};
  const bool shown = holder.since_millis >= 0 && holder.since_millis <= kMaxTimestampMillis;
  return shown ? holder : LockHolder{};
}

}  // namespace

LockNote::LockNote(const Location& location) : path_(NotePath(location)) {}

void LockNote::Write(int migration) {
  if (path_.empty()) return;
  if (file_ < 0) {
    since_millis_ = NowMillis();
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file_ < 0) return;
    struct flock lock = Whole();
    ::fcntl(file_, F_OFD_SETLK, &lock);
  }
  const std::string text = "storegate, " + ThisProcess() + "\n" + std::to_string(migration) + "\n" +
                           std::to_string(since_millis_) + "\n";
  // In one piece: who reads meanwhile reads the one or the other.
  if (::pwrite(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) {
    [[maybe_unused]] const int cut = ::ftruncate(file_, static_cast<off_t>(text.size()));
  }
}

void LockNote::Remove() {
  if (file_ < 0) return;
  struct stat ours = {}, there = {};
  const bool same = ::fstat(file_, &ours) == 0 && ::stat(path_.c_str(), &there) == 0 &&
                    ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
  if (same) ::unlink(path_.c_str());
  ::close(file_);
  file_ = -1;
}

LockHolder LockNote::Read() const {
  if (path_.empty()) return {};
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return {};
  LockHolder holder;
  struct flock lock = Whole();
  const bool held = ::fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  char text[kMostBytes];
  const ssize_t size = held ? ::pread(file, text, sizeof text, 0) : 0;
  if (size > 0) holder = Parse({text, static_cast<size_t>(size)});
  ::close(file);
  return holder;
}

}  // namespace storegate::sqlite

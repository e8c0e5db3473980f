// Preloaded into a program (LD_PRELOAD), makes its disk full while the file that
// $STOREGATE_FULL_DISK names is there: what would make a file under
// $STOREGATE_FULL_DISK_FOLDER longer fails with ENOSPC, as on a real disk; what is
// there can be read, written over and removed. Needs no privilege, unlike a small
// file system.
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// Whether the disk has no room for what would end at `end`.
bool Refused(int fd, off_t end) {
  const char* flag = std::getenv("STOREGATE_FULL_DISK");
  const char* folder = std::getenv("STOREGATE_FULL_DISK_FOLDER");
  if (flag == nullptr || folder == nullptr || access(flag, F_OK) != 0) return false;
  struct stat file;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode) || end <= file.st_size) return false;
  char link[64];
  char path[PATH_MAX];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof(path) - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  return std::strncmp(path, folder, std::strlen(folder)) == 0;
}

off_t SizeOf(const iovec* parts, int count) {
  off_t size = 0;
  for (int i = 0; i < count; ++i) size += static_cast<off_t>(parts[i].iov_len);
  return size;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  const int before = errno;
  const off_t at = lseek(fd, 0, SEEK_CUR);
  errno = before;
  if (at >= 0 && Refused(fd, at + static_cast<off_t>(size))) {
    errno = ENOSPC;
    return -1;
  }
  return real(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  if (Refused(fd, at + static_cast<off_t>(size))) {
    errno = ENOSPC;
    return -1;
  }
  return real(fd, data, size, at);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  static const auto real = Real<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  if (Refused(fd, at + SizeOf(parts, count))) {
    errno = ENOSPC;
    return -1;
  }
  return real(fd, parts, count, at);
}

int posix_fallocate(int fd, off_t at, off_t size) {
  static const auto real = Real<int (*)(int, off_t, off_t)>("posix_fallocate");
  return Refused(fd, at + size) ? ENOSPC : real(fd, at, size);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t at) {
  return pwrite(fd, data, size, at);
}
ssize_t pwritev64(int fd, const iovec* parts, int count, off_t at) {
  return pwritev(fd, parts, count, at);
}
int posix_fallocate64(int fd, off_t at, off_t size) { return posix_fallocate(fd, at, size); }

}  // extern "C"

// How a SQLite database is opened.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace storegate::sqlite {

struct Options {
  // The file, made where it is missing; its directory must be there. ":memory:":
  // a database of this Backend alone, gone with it.
  std::string path;

  // --- Behavior ---

  // How long a call waits for another process (or, in memory, another session)
  // that writes, before it is UNAVAILABLE.
  std::chrono::milliseconds busy_timeout{5000};
  // How long a migration waits for one that runs in another process.
  std::chrono::milliseconds migration_timeout{300000};
  // Pages that the file may have; 0: as many as SQLite allows. Past it the
  // database is full, as if its disk was.
  int64_t max_pages = 0;

  // --- Performance ---

  // Bytes of a page of a new file, a power of two from 512 to 65,536. 0: SQLite's
  // own, 4,096.
  int page_size = 0;
  // Prepared statements that each session keeps.
  size_t statement_cache = 128;
};

}  // namespace storegate::sqlite

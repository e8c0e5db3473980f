// Who holds the lock of a SQLite database, for those who wait: SQLite does not say. A small
// file beside the database, "<path>.migrating", three lines: who, the migration's number,
// since when (ms). Nobody relies on it; where it cannot be written, nobody is named.
#pragma once

#include <cstdint>
#include <string>

#include "server/adapters/sqlite/connection.h"
#include "server/repository/migrator.h"

namespace storegate::sqlite {

// Used by one thread at a time.
class LockNote {
 public:
  // Of a database in memory there is none: only this process can have it.
  explicit LockNote(const Location& location);
  ~LockNote() { Remove(); }
  LockNote(const LockNote&) = delete;
  LockNote& operator=(const LockNote&) = delete;

  // REQUIRES, both: the database's lock is had, so that nobody else has a note.
  void Write(int migration);
  void Remove();

  // What the note of whoever has the lock says. A note whose writer is no more (its own lock
  // on the file went with it) says nothing.
  repository::LockHolder Read() const;

 private:
  const std::string path_;  // "" for none
  int file_ = -1;
  int64_t since_millis_ = 0;
};

}  // namespace storegate::sqlite

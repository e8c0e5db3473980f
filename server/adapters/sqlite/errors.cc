#include "server/adapters/sqlite/errors.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "server/adapters/sqlite/connection.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/repository/row_status.h"

namespace storegate::sqlite {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUniquePrefix = "UNIQUE constraint failed: ";

Status DamagedStatus() {
  return Status(Code::kFailedPrecondition, "NOT_A_DATABASE",
                "The database's file is damaged, or is no database.");
}

bool OutOfSpace(sqlite3* db, int code) {
  if ((code & 0xFF) == SQLITE_FULL) return true;
  if ((code & 0xFF) != SQLITE_IOERR) return false;
  const int system = db == nullptr ? 0 : sqlite3_system_errno(db);
  if (system == ENOSPC || system == EDQUOT || system == EFBIG) return true;
  return code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE;
}

// The fields of the index that "UNIQUE constraint failed: t.a, t.b" is about. The
// text is compared with what it would be for each index, so that any name of a
// column is fine.
std::vector<const schema::Field*> ViolatedFields(std::string_view text,
                                                 const schema::Entity& entity) {
  if (!text.starts_with(kUniquePrefix)) return {};
  text.remove_prefix(kUniquePrefix.size());
  const auto is_about = [&](const std::vector<const schema::Field*>& fields) {
    std::string expected;
    for (const schema::Field* field : fields) {
      if (!expected.empty()) expected += ", ";
      expected += entity.collection + "." + field->column;
    }
    return text == expected;
  };
  for (const schema::Key& key : entity.keys) {
    if (is_about(key.fields)) return key.fields;
  }
  // Unique indexes with a predicate are no keys.
  for (const schema::Index& index : entity.indexes) {
    std::vector<const schema::Field*> fields;
    for (const schema::IndexField& field : index.fields) fields.push_back(field.field);
    if (is_about(fields)) return fields;
  }
  return {};
}

bool ConcernsTransaction(int code) {
  switch (code & 0xFF) {
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
      return false;
    default:
      return true;
  }
}

Status MapCode(sqlite3* db, int code) {
  if (OutOfSpace(db, code)) {
    return Status(Code::kResourceExhausted, "STORAGE_FULL",
                  "The database has no room left. Nothing was written.");
  }
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Status(Code::kUnavailable, "DATABASE_BUSY",
                    "The database was locked by somebody else for too long.");
    case SQLITE_INTERRUPT:
      return Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                    "The database had not answered when the deadline passed.");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return DamagedStatus();
    case SQLITE_READONLY:
      return Status(Code::kFailedPrecondition, "DATABASE_READ_ONLY",
                    "The database cannot be written.");
    case SQLITE_NOMEM:
      return Status(Code::kResourceExhausted, "OUT_OF_MEMORY", "The database ran out of memory.");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_IOERR:
      return Status(Code::kUnavailable, "DATABASE_UNAVAILABLE",
                    "The database's file cannot be read.");
    default:
      return Status(Code::kInternal, "DATABASE_ERROR", "The database failed. The log says more.");
  }
}

// Of a statement that is not the gateway's own.
std::string_view WhyRefused(int code) {
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return "two rows have what is to be unique";
    case SQLITE_CONSTRAINT_NOTNULL: return "a row has no value where there must be one";
    case SQLITE_CONSTRAINT_CHECK: return "a row does not meet a CHECK";
    case SQLITE_CONSTRAINT_FOREIGNKEY: return "a row refers to one that is not there";
    case SQLITE_CONSTRAINT_DATATYPE: return "a row holds what its column's type cannot be";
    default: break;
  }
  if ((code & 0xFF) == SQLITE_AUTH) {
    return "a migration must not begin or end transactions, nor attach databases";
  }
  return "the database refused the statement";
}

// `db` may be null.
void LogFailure(sqlite3* db, int code) {
  // These are how it is used, not faults.
  const int primary = code & 0xFF;
  if (primary == SQLITE_BUSY || primary == SQLITE_INTERRUPT) return;
  const char* text = db == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db);
  Log(Level::kError, "sqlite failed", {{"code", code}, {"text", text}});
}

Status CannotOpen(const Location& location, std::string why) {
  return Status(Code::kFailedPrecondition, "CANNOT_OPEN_DATABASE",
                "The database " + Quoted(location.options.path) + " cannot be opened: " +
                    std::move(why) + ".");
}

}  // namespace

Status ToStatus(sqlite3* db, int code) {
  LogFailure(db, code);
  return MapCode(db, code);
}

Failure Explain(sqlite3* db, int code, const schema::Entity& entity) {
  Failure failure;
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      failure.what = Failure::What::kUnique;
      failure.fields = ViolatedFields(sqlite3_errmsg(db), entity);
      break;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      failure.what = Failure::What::kForeignKey;
      break;
    default:
      // SQLite itself may have taken the whole transaction back.
      failure.what = ConcernsTransaction(code) || sqlite3_get_autocommit(db) != 0
                         ? Failure::What::kTransaction
                         : Failure::What::kStatement;
      // Whether the disk is full, the caller finds out.
      if ((code & 0xFF) != SQLITE_FULL) LogFailure(db, code);
  }
  failure.status = MapCode(db, code);
  return failure;
}

Status CommitFailure(sqlite3* db, int code) {
  LogFailure(db, code);
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) {
    // The commit may be in the file all the same, and come back after a crash.
    return Status(Code::kUnknown, "COMMIT_UNKNOWN",
                  "The disk did not confirm the write; it may or may not have happened.");
  }
  return MapCode(db, code);
}

Status ScriptFailure(sqlite3* db, int code, const std::string& what, int line) {
  const std::string at = line > 0 ? " at line " + std::to_string(line) : "";
  if ((code & 0xFF) != SQLITE_AUTH) {
    Status status = ToStatus(db, code);
    if (status.code() != Code::kInternal) return status;
  }
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                what + " failed" + at + ": " + std::string(WhyRefused(code)) +
                    ". Nothing of it was kept; the log says more.");
}

Status NativeFailure(sqlite3* db, int code, const schema::Entity& entity) {
  LogFailure(db, code);
  Status status = MapCode(db, code);
  // It must not write: that it may not is no fault of the database.
  const bool refused = status.code() == Code::kInternal || (code & 0xFF) == SQLITE_READONLY;
  return refused ? repository::NativeQueryFailed(entity) : status;
}

Status OpenFailure(sqlite3* db, int code, const Location& location) {
  LogFailure(db, code);
  const std::string file = Quoted(location.options.path);
  switch (code & 0xFF) {
    case SQLITE_NOTADB:
      return Status(Code::kFailedPrecondition, "NOT_A_DATABASE",
                    "The file " + file + " is not a SQLite database.");
    case SQLITE_CORRUPT:
      return Status(Code::kFailedPrecondition, "NOT_A_DATABASE",
                    "The database " + file + " is damaged. Restore it from a backup.");
    case SQLITE_READONLY:
      return Status(Code::kFailedPrecondition, "DATABASE_READ_ONLY",
                    "The database " + file +
                        " cannot be written. Grant write permission for the file and its "
                        "directory.");
    case SQLITE_BUSY:
      return Status(Code::kUnavailable, "DATABASE_BUSY",
                    "The database " + file + " was locked by another process for too long.");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      if (const Status status = CheckPath(location); !status.ok()) return status;
      return CannotOpen(location, "the file system refused");
    default:
      return MapCode(db, code).With("database", location.options.path);
  }
}

Status CheckPath(const Location& location) {
  if (location.memory) return {};
  const fs::path path = location.options.path;
  std::error_code error;
  const fs::file_status file = fs::status(path, error);
  if (fs::is_directory(file)) return CannotOpen(location, "it is a directory");
  if (fs::exists(file) && !fs::is_regular_file(file)) {
    return CannotOpen(location, "it is not a regular file");
  }
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const fs::file_status parent = fs::status(directory, error);
  if (parent.type() == fs::file_type::none) {
    return CannotOpen(location, "there is no permission to look into its directory");
  }
  if (!fs::exists(parent)) return CannotOpen(location, "its directory does not exist");
  if (!fs::is_directory(parent)) {
    return CannotOpen(location, Quoted(directory.string()) + " is not a directory");
  }
  if (fs::exists(file)) {
    if (::access(path.c_str(), R_OK) != 0) return CannotOpen(location, "there is no permission");
  } else if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return CannotOpen(location, "there is no permission to make a file in its directory");
  }
  return {};
}

}  // namespace storegate::sqlite

#include "server/adapters/sqlite/migration_script.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>
#include <vector>

#include "server/adapters/sqlite/alter.h"
#include "server/adapters/sqlite/describe_tokens.h"
#include "server/adapters/sqlite/errors.h"
#include "server/base/text.h"

namespace storegate::sqlite {
namespace {

// A trigger or an index.
struct Part {
  std::string type;
  std::string name;
  std::string table;
  std::string sql;
};

std::string TextAt(sqlite3_stmt* row, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, index));
  return text == nullptr ? "" : std::string(text, sqlite3_column_bytes(row, index));
}

// A script on its way.
class Script {
 public:
  Script(Connection* connection, const std::string& what, const std::string& sql, int line)
      : connection_(connection), db_(connection->handle()), what_(what), sql_(sql), line_(line) {
    sqlite3_set_authorizer(db_, Authorize, this);
  }
  ~Script() { sqlite3_set_authorizer(db_, nullptr, nullptr); }
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  bool AtEnd() {
    at_ = SkipBlanks(sql_, at_);
    // A lone ";" is no statement.
    while (at_ < sql_.size() && sql_[at_] == ';') at_ = SkipBlanks(sql_, at_ + 1);
    return at_ >= sql_.size();
  }

  // REQUIRES: !AtEnd().
  Status RunNext() {
    if (sql_.find('\0', at_) != std::string::npos) return Refuse("it holds a NUL");
    dropped_.clear();
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    const char* begin = sql_.data() + at_;
    int code = sqlite3_prepare_v3(db_, begin, static_cast<int>(sql_.size() - at_), 0, &statement,
                                  &tail);
    const Prepared prepared(statement);
    if (code != SQLITE_OK) return Failed(code);
    if (!dropped_.empty()) {
      const std::string table = std::exchange(dropped_, "");
      if (Status status = CheckColumns(table); !status.ok()) return status;
      if (Status status = KeepParts(table); !status.ok()) return status;
    }
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    }
    if (code != SQLITE_DONE) return Failed(code);
    at_ += tail - begin;
    return {};
  }

  Status MakeParts() {
    for (const Part& part : kept_) {
      const Sql there{"SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE", {part.name}};
      Result<Cursor> cursor = connection_->Run(there);
      if (!cursor.ok()) return cursor.status();
      int code = cursor->Step();
      if (code == SQLITE_ROW) continue;
      if (code == SQLITE_DONE) code = connection_->Script(part.sql);
      if (code == SQLITE_OK) continue;
      const Status status = ToStatus(db_, code);
      if (status.code() != Code::kInternal) return status;
      return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                    what_ + " failed: the " + part.type + " " + Quoted(part.name) +
                        " of the table " + Quoted(part.table) +
                        ", which no migration made, needs what the table will not have. Drop it "
                        "first. Nothing was kept.");
    }
    return {};
  }

  Status Refuse(const std::string& why) const {
    return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                  what_ + " failed at line " + std::to_string(Line()) + ": " + why +
                      ". Nothing of it was kept.");
  }

 private:
  // All but to end the transaction around it. Notes which table a statement drops.
  static int Authorize(void* self, int action, const char* name, const char*, const char*,
                       const char*) {
    switch (action) {
      case SQLITE_TRANSACTION:
      case SQLITE_SAVEPOINT:
      case SQLITE_ATTACH:
      case SQLITE_DETACH: return SQLITE_DENY;
      case SQLITE_DROP_TABLE: static_cast<Script*>(self)->dropped_ = name; return SQLITE_OK;
      default: return SQLITE_OK;
    }
  }

  int Line() const {
    return line_ + static_cast<int>(std::count(sql_.begin(), sql_.begin() + at_, '\n'));
  }

  Status Failed(int code) const { return ScriptFailure(db_, code, what_, Line()); }

  // Whether the text has the name as a word of its own.
  bool Names(const std::string& name) const {
    const std::string text = LowerCase(sql_), wanted = LowerCase(name);
    const auto part = [&](size_t at) {
      return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 ||
                                  text[at] == '_' || static_cast<unsigned char>(text[at]) >= 0x80);
    };
    for (size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
      if ((at == 0 || !part(at - 1)) && !part(at + wanted.size())) return true;
    }
    return false;
  }

  // A column that others added, and whoever wrote the script knew nothing of, would go with a
  // table that is made anew.
  Status CheckColumns(const std::string& table) {
    const Sql sql{
        "SELECT name FROM pragma_table_info(?1) WHERE lower(name) NOT IN "
        "(SELECT lower(name) FROM pragma_table_info(?2)) "
        "AND EXISTS (SELECT 1 FROM pragma_table_info(?2)) ORDER BY cid",
        {table, std::string(kNewTablePrefix) + table}};
    Result<Cursor> cursor = connection_->Run(sql);
    if (!cursor.ok()) return cursor.status();
    int code;
    while ((code = cursor->Step()) == SQLITE_ROW) {
      const std::string name = TextAt(cursor->row(), 0);
      if (Names(name)) continue;
      return Refuse("the table " + Quoted(table) + " has the column " + Quoted(name) +
                    ", which the script knows nothing of, and would lose it. Add it to the new "
                    "table and to what is copied, or name it in a comment to let it go");
    }
    return code == SQLITE_DONE ? Status() : ToStatus(db_, code);
  }

  // Of a table that goes, where the one that takes its place is there.
  Status KeepParts(const std::string& table) {
    const Sql sql{
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') "
        "AND tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?2)",
        {table, std::string(kNewTablePrefix) + table}};
    Result<Cursor> cursor = connection_->Run(sql);
    if (!cursor.ok()) return cursor.status();
    int code;
    while ((code = cursor->Step()) == SQLITE_ROW) {
      kept_.push_back(
          {TextAt(cursor->row(), 0), TextAt(cursor->row(), 1), table, TextAt(cursor->row(), 2)});
    }
    return code == SQLITE_DONE ? Status() : ToStatus(db_, code);
  }

  Connection* const connection_;
  sqlite3* const db_;
  const std::string& what_;
  const std::string& sql_;
  const int line_;
  size_t at_ = 0;
  std::string dropped_;  // by the statement at at_
  std::vector<Part> kept_;
};

}  // namespace

Status RunStatements(Connection* connection, const std::string& what, const std::string& sql,
                     int line) {
  Status status;
  {
    Script script(connection, what, sql, line);
    while (status.ok() && !script.AtEnd()) status = script.RunNext();
    if (status.ok()) status = script.MakeParts();
  }
  // A script that failed may have left it on.
  connection->Script("PRAGMA legacy_alter_table = OFF");
  return status;
}

Result<int64_t> RunOneStatement(Connection* connection, const std::string& what,
                                const std::string& sql, int line) {
  Script script(connection, what, sql, line);
  if (script.AtEnd()) return script.Refuse("there is no statement");
  const int64_t before = sqlite3_total_changes64(connection->handle());
  if (Status status = script.RunNext(); !status.ok()) return status;
  // What changes nothing leaves the number of the statement before it.
  const bool changed = sqlite3_total_changes64(connection->handle()) != before;
  if (!script.AtEnd()) return script.Refuse("there is more than one statement");
  return changed ? sqlite3_changes64(connection->handle()) : 0;
}

Status CheckForeignKeys(Connection* connection) {
  const Sql sql{
      "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check "
      "GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 1",
      {}};
  Result<Cursor> cursor = connection->Run(sql);
  if (!cursor.ok()) return cursor.status();
  const int code = cursor->Step();
  if (code == SQLITE_DONE) return {};
  if (code != SQLITE_ROW) {
    return ScriptFailure(connection->handle(), code, "Checking the foreign keys", 0);
  }
  const std::string table = TextAt(cursor->row(), 0), parent = TextAt(cursor->row(), 1);
  const int64_t rows = sqlite3_column_int64(cursor->row(), 2);
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                "The table " + Quoted(table) + " has " + std::to_string(rows) +
                    (rows == 1 ? " row that refers" : " rows that refer") + " to rows of " +
                    Quoted(parent) +
                    " that are not there. Correct or delete them; nothing was kept.")
      .With("table", table);
}

}  // namespace storegate::sqlite

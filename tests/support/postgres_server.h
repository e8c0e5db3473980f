// A PostgreSQL server of a test program's own: made by initdb in a folder under
// the temporary directory, on loopback, gone with the process however it ends.
//
// The programs are those of $STOREGATE_POSTGRES_BIN, else /usr/lib/postgresql/15/bin,
// else `pg_config --bindir`. As root they run as the user postgres, since they
// refuse to run as root. What is missing ends the test program with a word about
// it: no case that needs PostgreSQL passes or is left out without one.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace storegate::test {

struct PostgresOptions {
  // As it comes: every commit is on the disk when it is acknowledged. Without it
  // fsync is off, which only a power failure would notice.
  bool durable = false;
  int max_connections = 200;
  // Further settings of postgresql.conf: {"max_wal_size", "32MB"}.
  std::map<std::string, std::string> settings = {};
  // Of initdb: "--wal-segsize=1".
  std::vector<std::string> initdb = {};
  // Of the server's environment: {"LD_PRELOAD", …}.
  std::map<std::string, std::string> environment = {};
};

// Used by one thread. What does not work aborts, with PostgreSQL's log.
class PostgresServer {
 public:
  using Options = PostgresOptions;

  explicit PostgresServer(Options options = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  int port() const { return port_; }
  // Of a database in it, through 127.0.0.1 and `port`, or its own.
  std::string Url(const std::string& database, int port = 0) const;
  // A folder that the server may write, removed with it.
  const std::filesystem::path& folder() const { return folder_; }

  // A database like `like`, of this name. Drop: whoever is connected is not any more.
  void CreateDatabase(const std::string& name, const std::string& like = "template0");

  // Kill is kill -9 of the postmaster and all its children at once; what they
  // leave behind in files of processes and sockets is removed, so that Start works.
  void Kill();
  void Start();
  // Starts it where it ended by itself, or is about to; else nothing.
  void StartAgain();
  // As an operator would: transactions under way are rolled back.
  void Stop();
  // Stops answering, all of it, as a machine that hangs; and goes on.
  void Freeze();
  void Thaw();

 private:
  bool TryStart(std::string* log);
  std::vector<pid_t> Processes() const;
  void Signal(int signal);

  const Options options_;
  std::filesystem::path folder_;
  int port_ = 0;
  pid_t postmaster_ = 0;  // 0: does not run
  // The guard kills the server and removes the folder when this pipe closes, as it
  // does when this process ends.
  pid_t guard_ = 0;
  int guard_pipe_ = -1;
};

// Runs SQL in a database, as the superuser that the URL names; the first column of
// the rows of the last statement. Aborts when it fails, unless `failed` is given,
// which then gets what PostgreSQL said.
std::vector<std::string> RunSql(const std::string& url, const std::string& sql,
                                std::string* failed = nullptr);

// Where the cases of this program make their databases: $POSTGRES_URI, a server of
// one who may create databases, else a PostgresServer, started when first asked
// for. The URL of a database there.
std::string SharedPostgresUrl(const std::string& database);

}  // namespace storegate::test

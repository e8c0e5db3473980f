#include "tests/support/postgres_server.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace storegate::test {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "PostgreSQL for tests: %s\n", what.c_str());
  std::abort();
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Runs it to its end with output to a file. The exit status.
int Run(const std::vector<std::string>& command, const fs::path& output,
        const std::map<std::string, std::string>& environment = {}) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    // PGPORT and its like, which speak of another server.
    if (std::string_view(*variable).substr(0, 2) != "PG") variables.push_back(*variable);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> variable_pointers;
  for (std::string& variable : variables) variable_pointers.push_back(variable.data());
  variable_pointers.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(),
                                 variable_pointers.data());
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) Die("cannot run " + command[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

fs::path FindPrograms() {
  std::string tried;
  if (const char* given = std::getenv("STOREGATE_POSTGRES_BIN"); given != nullptr && *given) {
    if (fs::exists(fs::path(given) / "initdb")) return given;
    Die("there is no initdb in STOREGATE_POSTGRES_BIN=" + std::string(given));
  }
  if (fs::exists("/usr/lib/postgresql/15/bin/initdb")) return "/usr/lib/postgresql/15/bin";
  if (FILE* said = popen("pg_config --bindir 2>/dev/null", "r"); said != nullptr) {
    char line[4096] = "";
    const bool read = std::fgets(line, sizeof(line), said) != nullptr;
    pclose(said);
    std::string found = read ? line : "";
    while (!found.empty() && found.back() == '\n') found.pop_back();
    if (!found.empty() && fs::exists(fs::path(found) / "initdb")) return found;
  }
  Die("no initdb found; install postgresql-15, or name its folder in STOREGATE_POSTGRES_BIN");
}

// The command as a user that PostgreSQL runs as.
std::vector<std::string> AsPostgres(std::vector<std::string> command) {
  if (geteuid() != 0) return command;
  std::vector<std::string> all = {"runuser", "-u", "postgres", "--"};
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    Die("no free port");
  }
  close(fd);
  return ntohs(address.sin_port);
}

struct ProcessInfo {
  pid_t parent = 0;
  char state = 'Z';
};

// From /proc/<pid>/stat; state Z where there is no such process.
ProcessInfo InfoOf(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  const size_t end = stat.rfind(')');  // of the name, which may hold anything
  ProcessInfo info;
  if (end == std::string::npos) return info;
  std::istringstream rest(stat.substr(end + 1));
  rest >> info.state >> info.parent;
  return info;
}

bool Runs(pid_t pid) { return InfoOf(pid).state != 'Z'; }

void AwaitEnd(pid_t pid) {
  for (int i = 0; i < 60 * 1000; ++i) {
    if (!Runs(pid)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Die("process " + std::to_string(pid) + " does not end");
}

// Waits until its input ends, ends the server, removes the folder. SIGQUIT has the
// postmaster end its children at once.
constexpr char kGuard[] = R"(
trap '' INT TERM HUP
read -r _
if pid=$(head -n 1 "$1/data/postmaster.pid") && [ "/proc/$pid/cwd" -ef "$1/data" ]; then
  for child in $(cat "/proc/$pid/task/$pid/children" ); do kill -CONT "$child"; done
  kill -CONT "$pid"
  kill -QUIT "$pid"
  i=0
  while kill -0 "$pid" && [ $i -lt 140 ]; do sleep 0.05; i=$((i + 1)); done
  kill -KILL "$pid"
fi
rm -rf "$1"
)";

}  // namespace

PostgresServer::PostgresServer(Options options) : options_(std::move(options)) {
  static const fs::path programs = FindPrograms();
  std::string folder = (fs::temp_directory_path() / "storegate-pg-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) Die("no folder " + folder);
  folder_ = folder;
  if (geteuid() == 0) {
    const passwd* user = getpwnam("postgres");
    if (user == nullptr) Die("there is no user postgres to run it as");
    if (chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) Die("chown " + folder);
  }

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Die("pipe");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[0], 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);  // Ctrl-C is not for it
  const char* arguments[] = {"sh", "-c", kGuard, "storegate-postgres-guard", folder_.c_str(),
                             nullptr};
  if (posix_spawnp(&guard_, "sh", &files, &attributes, const_cast<char**>(arguments), environ)) {
    Die("cannot run sh");
  }
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  close(ends[0]);
  guard_pipe_ = ends[1];

  std::vector<std::string> initdb = {programs / "initdb", "-A",     "trust",  "--no-sync",
                                     "-U",                "postgres", "-E",   "UTF8",
                                     "--locale=C.UTF-8",  "-D",     folder_ / "data"};
  initdb.insert(initdb.end(), options_.initdb.begin(), options_.initdb.end());
  if (Run(AsPostgres(initdb), folder_ / "initdb.log") != 0) {
    Die("initdb failed:\n" + ReadFile(folder_ / "initdb.log"));
  }
  std::ofstream conf(folder_ / "data/postgresql.conf", std::ios::app);
  conf << "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
       << "max_connections = " << options_.max_connections << "\n"
       << "logging_collector = off\n";
  if (!options_.durable) conf << "fsync = off\nfull_page_writes = off\nautovacuum = off\n";
  for (const auto& [name, value] : options_.settings) conf << name << " = '" << value << "'\n";
  conf.close();
  if (!conf) Die("cannot write postgresql.conf");
  Start();
}

PostgresServer::~PostgresServer() {
  close(guard_pipe_);
  int status = 0;
  while (waitpid(guard_, &status, 0) < 0 && errno == EINTR) {
  }
}

std::string PostgresServer::Url(const std::string& database, int port) const {
  return "postgresql://postgres@127.0.0.1:" + std::to_string(port != 0 ? port : port_) + "/" +
         database;
}

void PostgresServer::CreateDatabase(const std::string& name, const std::string& like) {
  RunSql(Url("postgres"), "CREATE DATABASE \"" + name + "\" TEMPLATE \"" + like + "\"");
}

bool PostgresServer::TryStart(std::string* log) {
  static const fs::path programs = FindPrograms();
  const fs::path log_path = folder_ / "postgres.log";
  std::error_code ignored;
  fs::remove(folder_ / "pg_ctl.log", ignored);
  // -w: until it takes connections, after a recovery too.
  const int status = Run(
      AsPostgres({programs / "pg_ctl", "-D", folder_ / "data", "-l", log_path, "-w", "-t", "120",
                  "-s", "-o", "-p " + std::to_string(port_), "start"}),
      folder_ / "pg_ctl.log", options_.environment);
  *log = ReadFile(folder_ / "pg_ctl.log") + ReadFile(log_path);
  if (status != 0) return false;
  postmaster_ = std::atoi(ReadFile(folder_ / "data/postmaster.pid").c_str());
  return postmaster_ > 0;
}

void PostgresServer::Start() {
  if (postmaster_ != 0) return;
  std::string log;
  if (port_ != 0) {
    // Whoever knows the port expects it there again.
    for (int tries = 0; tries < 3; ++tries) {
      if (TryStart(&log)) return;
    }
    Die("does not start again:\n" + log);
  }
  for (int tries = 0; tries < 5; ++tries) {
    port_ = FreePort();  // somebody else may take it before PostgreSQL does
    if (TryStart(&log)) return;
  }
  Die("does not start:\n" + log);
}

std::vector<pid_t> PostgresServer::Processes() const {
  std::vector<pid_t> found = {postmaster_};
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && InfoOf(pid).parent == postmaster_) found.push_back(pid);
  }
  return found;
}

void PostgresServer::Signal(int signal) {
  for (pid_t pid : Processes()) kill(pid, signal);
}

void PostgresServer::Kill() {
  if (postmaster_ == 0) return;
  kill(postmaster_, SIGSTOP);  // makes no more children
  const std::vector<pid_t> all = Processes();
  for (pid_t pid : all) kill(pid, SIGKILL);
  for (pid_t pid : all) AwaitEnd(pid);
  postmaster_ = 0;
  std::error_code ignored;
  fs::remove(folder_ / "data/postmaster.pid", ignored);
}

void PostgresServer::StartAgain() {
  // It answers, or is starting its children anew, or ends.
  for (int tries = 0; tries < 600; ++tries) {
    if (postmaster_ == 0 || !Runs(postmaster_)) {
      postmaster_ = 0;
      return Start();
    }
    std::string failed;
    RunSql(Url("postgres"), "SELECT 1", &failed);
    if (failed.empty()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  Die("neither serves nor ends:\n" + ReadFile(folder_ / "postgres.log"));
}

void PostgresServer::Stop() {
  if (postmaster_ == 0) return;
  kill(postmaster_, SIGINT);  // "fast"
  AwaitEnd(postmaster_);
  postmaster_ = 0;
}

void PostgresServer::Freeze() {
  kill(postmaster_, SIGSTOP);
  Signal(SIGSTOP);
}

void PostgresServer::Thaw() { Signal(SIGCONT); }

std::vector<std::string> RunSql(const std::string& url, const std::string& sql,
                                std::string* failed) {
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), PQfinish);
  std::unique_ptr<PGresult, decltype(&PQclear)> result(nullptr, PQclear);
  std::vector<std::string> rows;
  if (PQstatus(connection.get()) == CONNECTION_OK) {
    result.reset(PQexec(connection.get(), sql.c_str()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
      for (int i = 0; i < PQntuples(result.get()); ++i) {
        rows.push_back(PQgetvalue(result.get(), i, 0));
      }
      return rows;
    }
  }
  if (failed == nullptr) Die(sql + ": " + PQerrorMessage(connection.get()));
  *failed = PQerrorMessage(connection.get());
  return rows;
}

std::string SharedPostgresUrl(const std::string& database) {
  const char* given = std::getenv("POSTGRES_URI");
  if (given == nullptr || *given == '\0') {
    // Never destroyed: backends that are static ask for it at the very end.
    static const auto* server = new PostgresServer();
    return server->Url(database);
  }
  // The same server and user, another database.
  const std::string uri = given;
  const size_t scheme = uri.find("://");
  if (scheme == std::string::npos) Die("POSTGRES_URI is no URL");
  const size_t query = std::min(uri.find('?', scheme + 3), uri.size());
  const size_t path = std::min(uri.find('/', scheme + 3), query);
  return uri.substr(0, path) + "/" + database + uri.substr(query);
}

}  // namespace storegate::test

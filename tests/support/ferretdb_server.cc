#include "tests/support/ferretdb_server.h"

#include <cstdlib>
#include <filesystem>

#include <unistd.h>

namespace storegate::test {
namespace {

// Certificates are made once; then it becomes the server.
constexpr char kStart[] = R"(
certificate() {
  [ -e "$1.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 30 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost \
    -keyout "$1.key" -out "$1.pem" || exit
}
certificate cert
certificate other
exec "$@"
)";

}  // namespace

FerretdbServer::FerretdbServer() : process_("ferretdb") {
  const char* given = std::getenv("STOREGATE_FERRETDB");
  program_ = given != nullptr && *given ? given : STOREGATE_SOURCE_DIR "/build/ferretdb/ferretdb";
  if (access(program_.c_str(), X_OK) != 0) {
    process_.Die("there is no " + program_ + ": ./dev test --all builds it, as does "
                 "tests/servers/ferretdb/build.sh build/ferretdb");
  }
  std::filesystem::create_directory(process_.folder() / "data");
  for (int tries = 0; tries < 5; ++tries) {
    tls_port_ = FreeServerPort();
    do {
      plain_port_ = FreeServerPort();
    } while (plain_port_ == tls_port_);
    if (TryStart()) return;
  }
  process_.Die("does not start:\n" + process_.Log());
}

bool FerretdbServer::TryStart() {
  process_.Start({"sh", "-c", kStart, "ferretdb", program_, "-data", "data", "-listen",
                  "127.0.0.1:" + std::to_string(plain_port_), "-tls",
                  "127.0.0.1:" + std::to_string(tls_port_), "-cert", "cert.pem", "-key", "cert.key",
                  "-user", kUser, "-password", kPassword});
  return process_.AwaitPort(plain_port_) && process_.AwaitPort(tls_port_);
}

void FerretdbServer::Start() {
  if (process_.Runs()) return;
  for (int tries = 0; tries < 3; ++tries) {
    if (TryStart()) return;
  }
  process_.Die("does not start again:\n" + process_.Log());
}

std::string FerretdbServer::Url(int port, const std::string& database) const {
  return std::string("mongodb://") + kUser + ":" + kPasswordInUrl + "@127.0.0.1:" +
         std::to_string(port) + "/" + database +
         "?authSource=admin&authMechanism=SCRAM-SHA-256";
}

std::string FerretdbServer::TlsUrl(const std::string& database) const {
  return Url(tls_port_, database) + "&tls=true&tlsCAFile=" + ca_file();
}

std::string FerretdbServer::PlainUrl(const std::string& database) const {
  return Url(plain_port_, database);
}

}  // namespace storegate::test

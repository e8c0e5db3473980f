// FerretDB on SQLite as a MongoDB server with users and TLS, for `./dev test --all`:
// $STOREGATE_FERRETDB, else build/ferretdb/ferretdb, as tests/servers/ferretdb builds it.
// What is missing ends the test program with a word about it.
//
// Not for more than plain operations one after the other: its updates are not atomic,
// and much of what it takes it does wrong.
#pragma once

#include <string>

#include "tests/support/server_process.h"

namespace storegate::test {

// Used by one thread. What does not work aborts, with the server's log.
class FerretdbServer {
 public:
  // Who logs in, and where: by SCRAM-SHA-256.
  static constexpr char kUser[] = "gateway";
  static constexpr char kPassword[] = "a secret: 1/2?@";
  static constexpr char kPasswordInUrl[] = "a%20secret%3A%201%2F2%3F%40";

  FerretdbServer();

  // Of a database in it, logged in; through TLS, whose certificate the URL's tlsCAFile
  // vouches for, or without. REQUIRES: no options in `database`.
  std::string TlsUrl(const std::string& database) const;
  std::string PlainUrl(const std::string& database) const;

  // The server's own certificate, for 127.0.0.1 and localhost, and another for the same
  // that has nothing to do with it.
  std::string ca_file() const { return process_.folder() / "cert.pem"; }
  std::string wrong_ca_file() const { return process_.folder() / "other.pem"; }
  int tls_port() const { return tls_port_; }
  int plain_port() const { return plain_port_; }

  void Kill9() { process_.Kill(); }
  void Start();
  void Freeze() { process_.Freeze(); }
  void Thaw() { process_.Thaw(); }

 private:
  bool TryStart();
  std::string Url(int port, const std::string& database) const;

  std::string program_;
  int tls_port_ = 0, plain_port_ = 0;
  ServerProcess process_;
};

}  // namespace storegate::test

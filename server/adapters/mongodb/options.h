// How a MongoDB database is reached.
#pragma once

#include <chrono>
#include <string>

namespace storegate::mongodb {

struct Options {
  // As libmongoc takes it: mongodb://user:password@host:27017,other:27017/name?replicaSet=rs0,
  // or mongodb+srv://host/name. The database's name is needed. What the URL says itself
  // (maxPoolSize, connectTimeoutMS, serverSelectionTimeoutMS, socketTimeoutMS, w, tls…)
  // wins over what is said here.
  // Source: mongoc.org/libmongoc/1.23.1/mongoc_uri_t.html.
  std::string url;

  // --- Behavior ---

  // How long making a connection may take, to each host.
  std::chrono::milliseconds connect_timeout{10000};
  // How long a call waits for a server that takes writes to be known.
  std::chrono::milliseconds server_selection_timeout{5000};
  // How long a call without a deadline waits for an answer.
  std::chrono::milliseconds socket_timeout{45000};
  // Clients of libmongoc's pool: one a session, and one for whoever asks whether the
  // database is there.
  int pool_size = 10;
  // How long after a command's deadline its answer is waited for. MongoDB ends a
  // command at its deadline by itself (maxTimeMS); a connection that still says
  // nothing is given up.
  std::chrono::milliseconds grace{1000};
  // How long a migration waits for one that runs in another process, unless
  // Migrator::SetLockTimeout says otherwise, and how long that one's lock is good for
  // without a sign of life.
  std::chrono::milliseconds migration_timeout{300000};
  std::chrono::milliseconds migration_lease{30000};
};

}  // namespace storegate::mongodb

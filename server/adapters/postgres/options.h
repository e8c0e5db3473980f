// How a PostgreSQL database is reached.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace storegate::postgres {

struct Options {
  // As libpq takes it: postgresql://user:password@host:5432,other:5432/name?sslmode=verify-full.
  // Of several hosts the first that answers is taken, and for writes the first that
  // takes writes. Source: postgresql.org/docs/15/libpq-connect.html.
  std::string url;

  // --- Behavior ---

  // How long making a connection may take, over all hosts.
  std::chrono::milliseconds connect_timeout{10000};
  // A connection is replaced after this time, give or take a tenth, so that all are
  // not replaced at once and none outlives a change of hosts for long.
  std::chrono::milliseconds max_lifetime{30 * 60 * 1000};
  // One that was idle for longer is asked whether it is there before it is used…
  std::chrono::milliseconds check_after_idle{1000};
  // …and given this long to answer.
  std::chrono::milliseconds check_timeout{1000};
  // How long after a statement's deadline its answer is waited for. PostgreSQL ends
  // it a second after it itself, at the latest (statement_timeout); a connection that
  // still says nothing is given up.
  std::chrono::milliseconds grace{2000};
  // Where migrations connect to: directly, where `url` leads to a pooler. Empty: `url`.
  std::string migration_url;
  // How long a migration waits for one that runs in another process.
  std::chrono::milliseconds migration_timeout{5 * 60 * 1000};
  // How long a statement of a migration that changes tables waits for a lock: whoever comes
  // behind it waits as well. Then all of its transaction is taken back, and tried again…
  std::chrono::milliseconds migration_lock_wait{2000};
  // …for this long.
  std::chrono::milliseconds migration_lock_patience{5 * 60 * 1000};
  // The URL leads to a pooler that gives a server connection for a transaction only
  // (PgBouncer's pool_mode = transaction): nothing is kept in a session then, neither
  // prepared statements nor settings.
  bool transaction_pooler = false;

  // --- Performance ---

  // Prepared statements that each connection keeps.
  size_t statement_cache = 256;
};

}  // namespace storegate::postgres

// Migrations of tests that have no schema of their own.
#pragma once

#include <string>
#include <vector>

#include "server/migrate/runner.h"

namespace storegate::test {

// migrate::Up of these, to the last.
inline Status UpWith(repository::Migrator& migrator, const migrate::Generator& generator,
                     const std::vector<migrate::Migration>& migrations,
                     std::vector<std::string>* applied) {
  migrate::Job job;
  job.migrator = &migrator;
  job.generator = &generator;
  job.migrations = migrations;
  return migrate::Up(job, 0, applied);
}

}  // namespace storegate::test

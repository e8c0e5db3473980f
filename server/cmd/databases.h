// The databases that the configuration names: opened, their tables made fit for
// the schema, an executor each.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/cmd/config.h"
#include "server/cmd/migration_texts.h"
#include "server/cmd/placement.h"
#include "server/cmd/preparation.h"
#include "server/repository/backend.h"
#include "server/repository/executor.h"
#include "server/schema/schema.h"
#include "server/service/service.h"

namespace storegate::cmd {

struct Database {
  std::string name;
  std::string url;  // redacted
  std::unique_ptr<repository::Backend> backend;
  std::unique_ptr<repository::Executor> executor;
  std::vector<const schema::Entity*> entities;
  std::vector<const schema::Store*> stores;

  // Asks the database something small, so that executor->healthy() is about now
  // also where nobody calls. Never blocks; does nothing while the last question
  // is open.
  void Probe();
  // It answered, and does not owe the answer to a question for `kProbeBound`.
  bool Healthy() const;

 private:
  struct Question {
    std::atomic<bool> open{false};
    std::atomic<int64_t> asked_millis{0};
  };
  // Shared with the answer, which may come late.
  std::shared_ptr<Question> question_ = std::make_shared<Question>();
};

// Not thread-safe; Database::Probe and Healthy from one thread.
class Databases {
 public:
  // Opens each database that something lives in, prepares its tables (preparation.h), and
  // starts its executor. One that does not answer is opened and prepared when it does,
  // unless it is the default one: without that nothing is served. `report`, told what is
  // being done, is called from other threads then; it and `schema` outlive the result.
  // Errors name the database, and are for who starts the gateway: INVALID_ARGUMENT, reason
  // INVALID_CONFIG, also for a URL that this build cannot serve; else what backend and
  // migrations say.
  static Result<std::unique_ptr<Databases>> Open(const Config& config,
                                                 const schema::Schema& schema,
                                                 const Report& report);
  ~Databases();  // Stops

  // One for each entity of the schema.
  service::Service::Routes routes() const;
  const std::vector<std::unique_ptr<Database>>& all() const { return databases_; }

  // The key that seals page tokens: of the configured secret, else kept in the
  // default database.
  Result<std::string> TokenKey(const Config& config);

  // Refuses further calls and waits for those that run.
  void Stop();

 private:
  Status OpenOne(const Config& config, const std::string& name, const schema::Schema& schema,
                 const Preparation& preparation, const Report& report);
  void Place(Database* database, const schema::Schema& schema) const;

  std::vector<std::unique_ptr<Database>> databases_;
  Placement placement_;
};

}  // namespace storegate::cmd

// `storegate seed`: loads records of any schema from JSON lines, through the same
// operations that callers use.
#pragma once

#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/cmd/config.h"
#include "server/cmd/gateway.h"
#include "server/cmd/seed_line.h"
#include "server/schema/schema.h"
#include "server/service/service.h"

namespace storegate::cmd {

struct SeedReport {
  int64_t loaded = 0;
  int64_t existing = 0;  // skipped: their id was there
};

// Creates the records in the file's order within each entity, batch by batch;
// times that a record gives are kept. Before a batch those go that its records
// can refer to; a record that refers to one further down waits for it. Uses one
// thread.
class Seeder {
 public:
  // Runs one call and waits for its end.
  using Handler = std::function<void(service::Call)>;

  // `schema` outlives the seeder.
  Seeder(const schema::Schema& schema, Handler handler, size_t batch_max);

  // Reads all of `in`; `name` stands for it in errors. Empty lines are passed
  // over. Stops at the first line that cannot be loaded: the error names
  // "name:line" and what is wrong; what was loaded before it stays, and is in
  // report(). INVALID_ARGUMENT, reason INVALID_SEED, when the line is no record, or
  // its entity has no store that creates; else what the service says.
  Status Load(std::istream& in, const std::string& name);

  const SeedReport& report() const { return report_; }

 private:
  struct Pending {
    int64_t line;
    std::string record;
  };
  struct Queue {
    const schema::Method* batch = nullptr;   // BatchCreate, if there is one
    const schema::Method* single = nullptr;  // Create, if there is one
    std::vector<Pending> waiting;
    size_t bytes = 0;
  };
  using Queues = std::map<const schema::Entity*, Queue>;

  Status Add(const schema::Entity* entity, Pending pending);
  // Loads what waits of an entity, and first of those that it refers to.
  Status Flush(const schema::Entity* entity, std::vector<const schema::Entity*>* visited);
  Status LoadBatch(Queue* queue, std::vector<Pending> records, const schema::Entity* entity);
  Status LoadOne(const Queue& queue, Pending record, const schema::Entity* entity);
  // Again, those that referred to nothing, until no more of them go.
  Status LoadPostponed();
  Status Call(const schema::Method* method, const std::vector<const std::string*>& records);
  Status At(int64_t line, const Status& status) const;

  const schema::Schema& schema_;
  Handler handler_;
  size_t batch_max_;
  std::string name_;
  Queues queues_;
  struct Postponed {
    const schema::Entity* entity;
    Pending record;
    Status why;
  };
  std::deque<Postponed> postponed_;
  SeedReport report_;
};

// Opens a seed file. False when it cannot be read, which is printed to `errors`.
bool OpenSeed(const std::string& path, std::ifstream* file, std::ostream& errors);

// Loads what `in` has, which errors call `name`. False when something is wrong, which is
// printed to `errors`; `report` has what was loaded before that.
bool LoadSeed(const Config& config, std::istream& in, const std::string& name, Gateway* gateway,
              SeedReport* report, std::ostream& errors);

// The subcommand. `path` "-" is stdin. Exit codes: 0, or 1 when something is
// wrong, which is printed to stderr.
int Seed(const Config& config, const std::string& path);

}  // namespace storegate::cmd

// All parts between the edge and the disk, put together: what `serve` serves and
// `seed` loads through.
#pragma once

#include <memory>
#include <ostream>
#include <string>

#include "server/base/status.h"
#include "server/cmd/config.h"
#include "server/cmd/databases.h"
#include "server/schema/schema.h"
#include "server/service/service.h"

namespace storegate::cmd {

// The schema of --proto, --descriptor-set, else the one in the binary. Null when
// it has mistakes; each is printed to `errors` as "file:line:column: message".
std::unique_ptr<const schema::Schema> LoadSchema(const Config& config, std::ostream& errors);

// Whether the schema is the one in the binary.
bool IsEmbedded(const Config& config);

// Lets Log write what the configuration wants.
void ApplyLogLevel(const Config& config);

// Prints a status and its violations for who started the program.
void PrintStatus(const Status& status, std::ostream& errors);

class Gateway {
 public:
  // Null when something is wrong, which is printed to `errors`. `report`, told what it is
  // doing, outlives the gateway and may be called from other threads.
  static std::unique_ptr<Gateway> Open(const Config& config,
                                       std::shared_ptr<const schema::Schema> schema,
                                       const Report& report, std::ostream& errors);
  // Of the configured schema, without a report.
  static std::unique_ptr<Gateway> Open(const Config& config, std::ostream& errors);
  // Stops.
  ~Gateway();

  const schema::Schema& schema() const { return *schema_; }
  service::Service& service() { return *service_; }
  Databases& databases() { return *databases_; }

  // Ends the databases' threads, then the service's. Calls under way are
  // answered. Once; later calls do nothing.
  void Stop();

 private:
  Gateway() = default;

  std::shared_ptr<const schema::Schema> schema_;
  std::unique_ptr<Databases> databases_;
  std::unique_ptr<service::Service> service_;
};

}  // namespace storegate::cmd

#include "server/cmd/gateway.h"

#include "server/base/log.h"
#include "server/cmd/embedded.h"
#include "server/query/check.h"
#include "server/query/page_token.h"
#include "server/schema/loader.h"

namespace storegate::cmd {

std::unique_ptr<const schema::Schema> LoadSchema(const Config& config, std::ostream& errors) {
  schema::LoadResult loaded = !config.proto_dir.empty() ? schema::LoadDirectory(config.proto_dir)
                              : !config.descriptor_set.empty()
                                  ? schema::LoadDescriptorSet(config.descriptor_set)
                                  : schema::LoadEmbedded(ShopProtos());
  // The texts of predicates and of order_by can be read only when the rest is sound.
  if (loaded.schema != nullptr) loaded.diagnostics = query::CheckTexts(*loaded.schema);
  for (const schema::Diagnostic& diagnostic : loaded.diagnostics) {
    errors << diagnostic.ToString() << "\n";
  }
  if (!loaded.diagnostics.empty()) return nullptr;
  return std::move(loaded.schema);
}

bool IsEmbedded(const Config& config) {
  return config.proto_dir.empty() && config.descriptor_set.empty();
}

void ApplyLogLevel(const Config& config) {
  SetLogLevel(config.log_level == "debug"  ? Level::kDebug
              : config.log_level == "warn" ? Level::kWarn
              : config.log_level == "error" ? Level::kError
                                            : Level::kInfo);
}

void PrintStatus(const Status& status, std::ostream& errors) {
  errors << "storegate: " << status.message() << "\n";
  for (const Violation& violation : status.violations()) {
    errors << "  " << violation.field << (violation.field.empty() ? "" : ": ")
           << violation.description << "\n";
  }
}

std::unique_ptr<Gateway> Gateway::Open(const Config& config, std::ostream& errors) {
  std::shared_ptr<const schema::Schema> schema = LoadSchema(config, errors);
  if (schema == nullptr) return nullptr;
  return Open(config, std::move(schema), [](const std::string&, const std::string&) {}, errors);
}

std::unique_ptr<Gateway> Gateway::Open(const Config& config,
                                       std::shared_ptr<const schema::Schema> schema,
                                       const Report& report, std::ostream& errors) {
  std::unique_ptr<Gateway> gateway(new Gateway);
  gateway->schema_ = std::move(schema);
  Result<std::unique_ptr<Databases>> databases =
      Databases::Open(config, *gateway->schema_, report);
  if (!databases.ok()) {
    PrintStatus(databases.status(), errors);
    return nullptr;
  }
  gateway->databases_ = *std::move(databases);

  Result<std::string> key = gateway->databases_->TokenKey(config);
  if (!key.ok()) {
    PrintStatus(key.status(), errors);
    return nullptr;
  }
  gateway->service_ = std::make_unique<service::Service>(
      *gateway->schema_, gateway->databases_->routes(), query::TokenSealer(*key), config.service);
  return gateway;
}

Gateway::~Gateway() { Stop(); }

void Gateway::Stop() {
  if (databases_ != nullptr) databases_->Stop();
  service_.reset();
}

}  // namespace storegate::cmd

// LateBackend: a database that did not answer when the server started. It is opened,
// and its tables made fit for the schema, when it does; until then whoever wants a
// session is told that it does not answer. Its stores alone wait for it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "server/base/status.h"
#include "server/repository/backend.h"

namespace storegate::cmd {

// Any thread.
class LateBackend : public repository::Backend {
 public:
  // `open` opens the database and prepares it; called by one thread at a time until it
  // succeeds. `capabilities` are those it is likely to have: what it turns out not to
  // have is refused when it is there.
  using Open = std::function<Result<std::unique_ptr<repository::Backend>>()>;
  LateBackend(std::string_view kind, repository::Capabilities capabilities, Open open)
      : kind_(kind), capabilities_(capabilities), open_(std::move(open)) {}

  std::string_view kind() const override { return kind_; }
  repository::Capabilities capabilities() const override;
  // UNAVAILABLE until the database is open, also where it answers but is not fit; why
  // is in the log.
  Result<std::unique_ptr<repository::Session>> Connect(Use use) override;
  Result<std::string> KeepSecret(std::string_view name, std::string_view proposed) override;
  // Null until the database is open.
  repository::Migrator* migrator() override;

 private:
  repository::Backend* Opened() const;

  const std::string_view kind_;
  const repository::Capabilities capabilities_;
  const Open open_;
  std::mutex opening_;
  mutable std::mutex mutex_;
  std::unique_ptr<repository::Backend> opened_;  // guarded by mutex_; then it stays
};

}  // namespace storegate::cmd

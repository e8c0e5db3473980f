#include "server/cmd/late_backend.h"

#include <utility>

#include "server/base/log.h"

namespace storegate::cmd {
namespace {

Status NotThere() {
  return Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "The database does not answer.");
}

}  // namespace

repository::Backend* LateBackend::Opened() const {
  std::lock_guard lock(mutex_);
  return opened_.get();
}

repository::Capabilities LateBackend::capabilities() const {
  repository::Backend* opened = Opened();
  return opened == nullptr ? capabilities_ : opened->capabilities();
}

Result<std::unique_ptr<repository::Session>> LateBackend::Connect(Use use) {
  if (repository::Backend* opened = Opened()) return opened->Connect(use);
  // One of those who ask opens it; the others need not wait to hear the same.
  std::unique_lock opening(opening_, std::try_to_lock);
  if (!opening.owns_lock()) return NotThere();
  if (repository::Backend* opened = Opened()) return opened->Connect(use);
  Result<std::unique_ptr<repository::Backend>> opened = open_();
  if (!opened.ok()) {
    if (opened.status().code() != Code::kUnavailable) {
      Log(Level::kError, "a database that answers now cannot be used",
          {{"database", kind_},
           {"reason", opened.status().reason()},
           {"why", opened.status().message()}});
    }
    return NotThere();
  }
  repository::Backend* backend = opened->get();
  {
    std::lock_guard lock(mutex_);
    opened_ = *std::move(opened);
  }
  Log(Level::kInfo, "a database that was down at the start is open", {{"database", kind_}});
  return backend->Connect(use);
}

Result<std::string> LateBackend::KeepSecret(std::string_view name, std::string_view proposed) {
  if (repository::Backend* opened = Opened()) return opened->KeepSecret(name, proposed);
  return NotThere();
}

repository::Migrator* LateBackend::migrator() {
  repository::Backend* opened = Opened();
  return opened == nullptr ? nullptr : opened->migrator();
}

}  // namespace storegate::cmd

// Passwords: argon2id hashes in the form that all programs know
// ("$argon2id$v=19$m=…"), made and checked by libsodium on threads of their own.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/base/worker_pool.h"
#include "server/schema/schema.h"

namespace storegate::service {

// Any thread.
class PasswordHasher {
 public:
  PasswordHasher(size_t memory_bytes, unsigned passes, int threads, size_t queue_max);

  // Blocks for some 20 ms at 19 MiB and two passes. RESOURCE_EXHAUSTED, reason
  // OUT_OF_MEMORY.
  Result<std::string> Hash(std::string_view password) const;

  // Blocks as long, whatever the hash: one that is empty, or no argon2id hash, is
  // false after the work of verifying one. Hashes of other programs, with other
  // parameters, are verified too.
  bool Verify(const std::string& hash, std::string_view password) const;

  // Runs on the pool. RESOURCE_EXHAUSTED, reason QUEUE_FULL, with a retry delay,
  // when too many wait; `work` is dropped then.
  Status Submit(std::function<void()> work);

 private:
  const size_t memory_bytes_;
  const unsigned passes_;
  std::string dummy_;  // a hash of nothing that anybody knows
  WorkerPool pool_;
};

// A password in a record that waits to be hashed in place.
struct PasswordField {
  google::protobuf::Message* record = nullptr;
  const schema::Field* field = nullptr;
  size_t item = 0;  // the caller's own number for it
};

// Passwords that are set in these fields of `record`, appended.
void FindPasswords(google::protobuf::Message* record, const schema::Entity& entity, size_t item,
                   std::vector<PasswordField>* out);

// Hashes one after the other, letting others in between, then calls `done`: at
// once and on this thread when there are none. Past the deadline:
// DEADLINE_EXCEEDED. The messages outlive the call of `done`.
void HashPasswords(PasswordHasher* hasher, std::vector<PasswordField> fields, Deadline deadline,
                   std::function<void(const Status&)> done);

}  // namespace storegate::service

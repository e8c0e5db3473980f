#include "server/service/password.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include <sodium.h>

#include "server/service/reasons.h"
#include "server/service/reflect.h"

namespace storegate::service {

PasswordHasher::PasswordHasher(size_t memory_bytes, unsigned passes, int threads,
                               size_t queue_max)
    : memory_bytes_(std::max<size_t>(memory_bytes, crypto_pwhash_argon2id_MEMLIMIT_MIN)),
      passes_(std::max<unsigned>(passes, crypto_pwhash_argon2id_OPSLIMIT_MIN)),
      pool_(threads, queue_max) {
  if (sodium_init() < 0) std::abort();  // no source of randomness: nothing can be right
  char nobody_knows[32];
  randombytes_buf(nobody_knows, sizeof nobody_knows);
  Result<std::string> dummy = Hash(std::string_view(nobody_knows, sizeof nobody_knows));
  if (dummy.ok()) dummy_ = *dummy;
}

Result<std::string> PasswordHasher::Hash(std::string_view password) const {
  char hash[crypto_pwhash_argon2id_STRBYTES];
  if (crypto_pwhash_argon2id_str(hash, password.data(), password.size(), passes_,
                                 memory_bytes_) != 0) {
    Status status(Code::kResourceExhausted, reason::kOutOfMemory,
                  "no memory to hash a password; try again later");
    status.WithRetryDelay(std::chrono::milliseconds(1000));
    return status;
  }
  return std::string(hash);
}

bool PasswordHasher::Verify(const std::string& hash, std::string_view password) const {
  const bool usable = hash.starts_with("$argon2id$");
  const std::string& against = usable ? hash : dummy_;
  const bool same = crypto_pwhash_argon2id_str_verify(against.c_str(), password.data(),
                                                      password.size()) == 0;
  return usable && same;
}

Status PasswordHasher::Submit(std::function<void()> work) {
  if (pool_.TrySubmit(std::move(work))) return {};
  Status status(Code::kResourceExhausted, reason::kQueueFull,
                "too many passwords wait to be hashed; try again later");
  status.WithRetryDelay(std::chrono::milliseconds(1000));
  return status;
}

void FindPasswords(Message* record, const schema::Entity& entity, size_t item,
                   std::vector<PasswordField>* out) {
  for (const schema::Field& field : entity.fields) {
    if (field.password && IsSet(*record, field.descriptor)) out->push_back({record, &field, item});
  }
}

namespace {

struct Hashing {
  PasswordHasher* hasher;
  std::vector<PasswordField> fields;
  Deadline deadline;
  std::function<void(const Status&)> done;
  size_t next = 0;
};

Status HashOne(const PasswordHasher& hasher, const PasswordField& at) {
  Message* holder = at.record;
  const FieldDescriptor* field = at.field->descriptor;
  if (at.field->wrapper) {
    holder = MutableMessageAt(holder, field);
    field = at.field->value;
  }
  std::string scratch;
  Result<std::string> hash = hasher.Hash(TextAt(*holder, field, kSingular, &scratch));
  if (!hash.ok()) return hash.status();
  SetTextAt(holder, field, kSingular, *std::move(hash));
  return {};
}

// On the pool. One password a turn, then to the end of the queue: a batch of a
// thousand must not keep a single login waiting for half a minute.
void Step(const std::shared_ptr<Hashing>& state) {
  while (true) {
    if (Expired(state->deadline)) {
      return state->done(Status(Code::kDeadlineExceeded, reason::kDeadlineExceeded,
                                "the deadline passed before all passwords were hashed"));
    }
    Status status = HashOne(*state->hasher, state->fields[state->next]);
    if (!status.ok()) return state->done(status);
    if (++state->next == state->fields.size()) return state->done({});
    // A full queue is no reason to fail what has begun.
    if (state->hasher->Submit([state] { Step(state); }).ok()) return;
  }
}

}  // namespace

void HashPasswords(PasswordHasher* hasher, std::vector<PasswordField> fields, Deadline deadline,
                   std::function<void(const Status&)> done) {
  if (fields.empty()) return done({});
  auto state =
      std::make_shared<Hashing>(Hashing{hasher, std::move(fields), deadline, std::move(done)});
  if (Status status = hasher->Submit([state] { Step(state); }); !status.ok()) state->done(status);
}

}  // namespace storegate::service

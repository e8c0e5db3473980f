#include "server/service/password.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "tests/unit/service/library.h"

namespace storegate::service {
namespace {

constexpr size_t kLittle = 64 * 1024;

TEST(Passwords, AreVerifiedByTheirHash) {
  PasswordHasher hasher(kLittle, 1, 1, 10);
  const Result<std::string> hash = hasher.Hash("correct horse");
  ASSERT_TRUE(hash.ok());
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=64,t=1,p=1$")) << *hash;
  EXPECT_TRUE(hasher.Verify(*hash, "correct horse"));
  EXPECT_FALSE(hasher.Verify(*hash, "correct hors"));
  EXPECT_FALSE(hasher.Verify(*hash, ""));
  EXPECT_NE(*hash, *hasher.Hash("correct horse"));
}

TEST(Passwords, HashedByOthersAreVerifiedToo) {
  // From the documentation of argon2-cffi: four lanes, three passes, 64 MiB.
  PasswordHasher hasher(kLittle, 1, 1, 10);
  const std::string hash =
      "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$"
      "YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg";
  EXPECT_TRUE(hasher.Verify(hash, "correct horse battery staple"));
  EXPECT_FALSE(hasher.Verify(hash, "correct horse battery stapl"));
}

TEST(Passwords, AreFalseAgainstWhatIsNoHash) {
  PasswordHasher hasher(kLittle, 1, 1, 10);
  for (const char* hash : {"", "plain", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$",
                           "$argon2id$v=19$m=1"}) {
    EXPECT_FALSE(hasher.Verify(hash, ""));
    EXPECT_FALSE(hasher.Verify(hash, "plain"));
  }
}

TEST(Passwords, WaitInABoundedQueue) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::promise<void> running;
  // Behind what its work waits for: it ends first.
  PasswordHasher hasher(kLittle, 1, 1, 2);
  ASSERT_TRUE(hasher.Submit([&] { running.set_value(); released.wait(); }).ok());
  running.get_future().wait();
  EXPECT_TRUE(hasher.Submit([] {}).ok());
  EXPECT_TRUE(hasher.Submit([] {}).ok());
  const Status full = hasher.Submit([] {});
  EXPECT_EQ(full.code(), Code::kResourceExhausted);
  EXPECT_EQ(full.reason(), "QUEUE_FULL");
  EXPECT_TRUE(full.retry_delay());
  release.set_value();
}

TEST(Passwords, OfABatchAreHashedInPlace) {
  PasswordHasher hasher(kLittle, 1, 1, 10);
  std::vector<MessagePtr> records;
  std::vector<PasswordField> fields;
  for (int i = 0; i < 20; ++i) {
    records.push_back(MakeRecord("Account", i % 2 == 0 ? "password: 'a password'" : ""));
    FindPasswords(records.back().get(), EntityOf("Account"), static_cast<size_t>(i), &fields);
  }
  ASSERT_EQ(fields.size(), 10u);
  std::promise<Status> done;
  HashPasswords(&hasher, fields, Deadline::max(),
                [&](const Status& status) { done.set_value(status); });
  EXPECT_TRUE(done.get_future().get().ok());
  for (const PasswordField& field : fields) {
    const auto* descriptor = field.field->descriptor;
    const std::string hash = field.record->GetReflection()->GetString(*field.record, descriptor);
    EXPECT_TRUE(hasher.Verify(hash, "a password"));
  }
}

TEST(Passwords, StopAtTheDeadline) {
  PasswordHasher hasher(kLittle, 1, 1, 10);
  auto record = MakeRecord("Account", "password: 'a password'");
  std::vector<PasswordField> fields;
  FindPasswords(record.get(), EntityOf("Account"), 0, &fields);
  std::promise<Status> done;
  HashPasswords(&hasher, fields, Deadline::min(),
                [&](const Status& status) { done.set_value(status); });
  EXPECT_EQ(done.get_future().get().code(), Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace storegate::service

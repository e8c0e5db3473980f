#include "tests/fault/database_fault.h"

#include <iterator>
#include <set>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/fault/fault_case.h"

namespace storegate::test {

using schema::Operation;

namespace {

// A google.rpc.Status as one of ours, code, reason and message.
Status StatusOf(const Message& message) {
  google::rpc::Status status;
  status.ParseFromString(message.SerializeAsString());
  google::rpc::ErrorInfo info;
  for (const google::protobuf::Any& detail : status.details()) detail.UnpackTo(&info);
  return Status(static_cast<Code>(status.code()), info.reason(), status.message());
}

}  // namespace

void DatabaseFault::OpenThrough(std::unique_ptr<Proxy> proxy, BackendUnderTest backend,
                                const std::string& schema) {
  proxy_ = std::move(proxy);
  backend_ = std::move(backend);
  const NamedSchema& named = SchemaNamed(schema);
  gateway_ = std::make_unique<Gateway>(backend_, named);
  entity_ = EntityOnItsOwn(*named.schema);
  ASSERT_NE(entity_, nullptr);
  store_ = std::make_unique<StoreClient>(gateway_.get(), entity_);
  factory_ = std::make_unique<RecordFactory>(gateway_.get(), 1);
}

void DatabaseFault::TearDown() {
  if (proxy_ != nullptr) proxy_->Forward();
  factory_.reset();
  store_.reset();
  gateway_.reset();
  backend_ = {};
  proxy_.reset();
}

std::future<Reply> DatabaseFault::StartGet(const Message& record,
                                           std::chrono::milliseconds timeout) {
  const schema::Method& get = store().method(Operation::kGet);
  MessagePtr request(get.request->New());
  SetValue(request.get(), get.keys.front().fields[0], IdOf(record, entity()));
  return gateway().Start(get, request->SerializeAsString(), timeout);
}

std::future<Reply> DatabaseFault::StartCreate(const Message& record,
                                              std::chrono::milliseconds timeout) {
  return gateway().Start(store().method(Operation::kCreate),
                         store().CreateRequest(record)->SerializeAsString(), timeout);
}

std::future<Reply> DatabaseFault::StartList(std::chrono::milliseconds timeout) {
  return gateway().Start(store().method(Operation::kList),
                         store().ListRequest({.page_size = 20})->SerializeAsString(), timeout);
}

Reply DatabaseFault::Await(std::future<Reply> future) {
  if (future.wait_for(std::chrono::minutes(1)) != std::future_status::ready) {
    ADD_FAILURE() << "a call was not answered within a minute";
    proxy().Cut();
  }
  return future.get();
}

std::vector<Attempt> DatabaseFault::CreateTogether(const std::vector<const Message*>& records) {
  const bool all_or_none = gateway().backend().capabilities().transactions;
  const Reply reply = store().BatchCreate(records, !all_or_none);
  std::vector<Attempt> attempts;
  if (all_or_none) {
    attempts.push_back({{}, reply.status});
    for (const Message* record : records) attempts[0].ids.push_back(IdOf(*record, entity()));
    return attempts;
  }
  for (const Message* record : records) {
    attempts.push_back({{IdOf(*record, entity())}, reply.status});
  }
  if (!reply.ok()) return attempts;
  const schema::Method& batch = store().method(Operation::kBatchCreate);
  for (const Message* entry : Elements(*reply.response, batch.failed_requests)) {
    const Value index = GetValue(*entry, entry->GetDescriptor()->map_key());
    const Message& failed =
        entry->GetReflection()->GetMessage(*entry, entry->GetDescriptor()->map_value());
    attempts.at(static_cast<size_t>(std::get<int64_t>(index))).status = StatusOf(failed);
  }
  return attempts;
}

testing::AssertionResult DatabaseFault::Allowed(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
    case Code::kDeadlineExceeded:
      return testing::AssertionSuccess();
    case Code::kUnavailable:
      return HasStatus(status, Code::kUnavailable, "DATABASE_UNAVAILABLE");
    case Code::kUnknown:
      return HasStatus(status, Code::kUnknown, "COMMIT_UNKNOWN");
    case Code::kResourceExhausted:
      return HasStatus(status, Code::kResourceExhausted, "QUEUE_FULL");
    default:
      return testing::AssertionFailure() << "answered " << status.ToString();
  }
}

void DatabaseFault::ExpectRecovery() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  constexpr int kEnough = 20;  // in a row, so that each connection has had a turn
  std::string last = "nothing";
  for (int well = 0; well < kEnough;) {
    MessagePtr record = make().Make(entity());
    const Reply replies[] = {store().Create(*record), store().Get(IdOf(*record, entity())),
                             store().List({.page_size = 5})};
    const bool created = replies[0].ok();
    bool all = true;
    for (const Reply& reply : replies) {
      if (reply.ok()) continue;
      all = false;
      last = reply.status.ToString();
      if (!created && reply.status.code() == Code::kNotFound) continue;
      EXPECT_TRUE(Allowed(reply.status));
    }
    well = all ? well + 1 : 0;
    if (!all) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (std::chrono::steady_clock::now() < end) continue;
    ADD_FAILURE() << "no service again; last: " << last;
    return;
  }
}

DatabaseFault::Load::Load(DatabaseFault* fault, int threads, int records,
                          std::chrono::milliseconds timeout)
    : fault_(fault),
      timeout_(timeout),
      records_(fault->make().MakeMany(fault->entity(), records)) {
  running_ = threads;
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this, i] { Run(i); });
}

void DatabaseFault::Load::Stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<Attempt> DatabaseFault::Load::Attempts() {
  Stop();
  return std::move(attempts_);
}

void DatabaseFault::Load::Run(int thread) {
  for (int turn = thread; !stop_; ++turn) {
    const size_t count = turn % 2 == 0 ? 1 : 3;
    const size_t first = next_.fetch_add(count);
    if (first + count > records_.size()) break;
    std::vector<const Message*> some;
    for (size_t i = first; i < first + count; ++i) some.push_back(records_[i].get());
    Create(some);
    if (turn % 4 == 0) {
      const Reply listed = fault_->Await(fault_->StartList(timeout_));
      EXPECT_TRUE(fault_->Allowed(listed.status));
      EXPECT_NE(listed.status.code(), Code::kUnknown) << "of a read";
    }
  }
  running_.fetch_sub(1);
}

void DatabaseFault::Load::Create(const std::vector<const Message*>& records) {
  const schema::Entity& entity = fault_->entity();
  std::vector<Attempt> attempts;
  if (records.size() == 1) {
    attempts.push_back({{IdOf(*records[0], entity)},
                        fault_->Await(fault_->StartCreate(*records[0], timeout_)).status});
  } else {
    attempts = fault_->CreateTogether(records);
  }
  for (const Attempt& attempt : attempts) EXPECT_TRUE(fault_->Allowed(attempt.status));
  if (attempts[0].status.ok()) {
    acknowledged_.fetch_add(1);
    const Reply got = fault_->Await(fault_->StartGet(*records[0], timeout_));
    EXPECT_TRUE(fault_->Allowed(got.status)) << "of a record that was acknowledged";
    EXPECT_NE(got.status.code(), Code::kUnknown) << "of a read";
    if (got.ok()) {
      EXPECT_TRUE(SameData(*got.response, *Stored(*records[0], entity), entity));
    }
  }
  std::lock_guard<std::mutex> lock(mutex_);
  std::move(attempts.begin(), attempts.end(), std::back_inserter(attempts_));
}

void DatabaseFault::ExpectAsAnswered(const std::vector<Attempt>& attempts) {
  std::vector<Value> ids;
  for (const Attempt& attempt : attempts) {
    ids.insert(ids.end(), attempt.ids.begin(), attempt.ids.end());
  }
  std::set<Value> there;
  for (size_t start = 0; start < ids.size(); start += 900) {
    const Reply reply = store().BatchGet({ids.begin() + static_cast<ptrdiff_t>(start),
                                          ids.begin() + static_cast<ptrdiff_t>(
                                                            std::min(ids.size(), start + 900))});
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    for (const Message* record : store().Records(reply, Operation::kBatchGet)) {
      there.insert(IdOf(*record, entity()));
    }
  }
  for (const Attempt& attempt : attempts) {
    size_t found = 0;
    for (const Value& id : attempt.ids) found += there.count(id);
    if (attempt.status.ok()) {
      EXPECT_EQ(found, attempt.ids.size()) << "an acknowledged write is gone";
    } else if (attempt.status.code() == Code::kUnavailable ||
               attempt.status.code() == Code::kResourceExhausted) {
      EXPECT_EQ(found, 0u) << "was there after " << attempt.status.ToString();
    } else {
      EXPECT_TRUE(found == 0 || found == attempt.ids.size())
          << "half there after " << attempt.status.ToString();
    }
  }
}

}  // namespace storegate::test

#include "tests/fault/postgres_fault.h"

#include <set>

#include "tests/fault/fault_case.h"

namespace storegate::test {

using schema::Operation;

PostgresServer& PostgresFault::SharedServer() {
  static auto* server = new PostgresServer({.durable = true});
  server->Start();
  return *server;
}

void PostgresFault::Open(PostgresServer* server, const std::string& schema,
                         const std::function<void(postgres::Options*)>& change,
                         const std::function<std::string(const std::string&)>& url_of) {
  TearDown();
  server_ = server;
  proxy_ = std::make_unique<Proxy>(server->port());
  PostgresPlace place;
  place.admin_url_of = [server](const std::string& database) { return server->Url(database); };
  place.url_of = [this, url_of](const std::string& database) {
    return url_of ? url_of(database) : server_->Url(database, proxy_->port());
  };
  // A test has less time than an operator.
  place.change = [change](postgres::Options* options) {
    options->connect_timeout = std::chrono::seconds(2);
    options->grace = std::chrono::milliseconds(500);
    if (change) change(options);
  };
  backend_ = PostgresAt(std::move(place));
  const NamedSchema& named = SchemaNamed(schema);
  gateway_ = std::make_unique<Gateway>(backend_, named);
  entity_ = EntityOnItsOwn(*named.schema);
  ASSERT_NE(entity_, nullptr);
  store_ = std::make_unique<StoreClient>(gateway_.get(), entity_);
  factory_ = std::make_unique<RecordFactory>(gateway_.get(), 1);
}

void PostgresFault::TearDown() {
  if (proxy_ != nullptr) proxy_->Forward();
  factory_.reset();
  store_.reset();
  gateway_.reset();
  backend_ = {};
  proxy_.reset();
}

std::future<Reply> PostgresFault::StartGet(const Message& record,
                                           std::chrono::milliseconds timeout) {
  const schema::Method& get = store().method(Operation::kGet);
  MessagePtr request(get.request->New());
  SetValue(request.get(), get.keys.front().fields[0], IdOf(record, entity()));
  return gateway().Start(get, request->SerializeAsString(), timeout);
}

std::future<Reply> PostgresFault::StartCreate(const Message& record,
                                              std::chrono::milliseconds timeout) {
  return gateway().Start(store().method(Operation::kCreate),
                         store().CreateRequest(record)->SerializeAsString(), timeout);
}

std::future<Reply> PostgresFault::StartList(std::chrono::milliseconds timeout) {
  return gateway().Start(store().method(Operation::kList),
                         store().ListRequest({.page_size = 20})->SerializeAsString(), timeout);
}

Reply PostgresFault::Await(std::future<Reply> future) {
  if (future.wait_for(std::chrono::minutes(1)) != std::future_status::ready) {
    ADD_FAILURE() << "a call was not answered within a minute";
    proxy().Cut();
  }
  return future.get();
}

testing::AssertionResult PostgresFault::Allowed(const Status& status) {
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

void PostgresFault::ExpectRecovery() {
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

PostgresFault::Load::Load(PostgresFault* fault, int threads, int records,
                          std::chrono::milliseconds timeout)
    : fault_(fault),
      timeout_(timeout),
      records_(fault->make().MakeMany(fault->entity(), records)) {
  running_ = threads;
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this, i] { Run(i); });
}

void PostgresFault::Load::Stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<Attempt> PostgresFault::Load::Attempts() {
  Stop();
  return std::move(attempts_);
}

void PostgresFault::Load::Run(int thread) {
  StoreClient& store = fault_->store();
  const schema::Entity& entity = fault_->entity();
  for (int turn = thread; !stop_; ++turn) {
    const size_t count = turn % 2 == 0 ? 1 : 3;
    const size_t first = next_.fetch_add(count);
    if (first + count > records_.size()) break;
    Attempt attempt;
    std::vector<const Message*> some;
    for (size_t i = first; i < first + count; ++i) {
      attempt.ids.push_back(IdOf(*records_[i], entity));
      some.push_back(records_[i].get());
    }
    if (count == 1) {
      attempt.status = fault_->Await(fault_->StartCreate(*some[0], timeout_)).status;
    } else {
      attempt.status = store.BatchCreate(some).status;
    }
    EXPECT_TRUE(fault_->Allowed(attempt.status));
    if (attempt.status.ok()) {
      acknowledged_.fetch_add(1);
      const Reply got = fault_->Await(fault_->StartGet(*some[0], timeout_));
      EXPECT_TRUE(fault_->Allowed(got.status)) << "of a record that was acknowledged";
      EXPECT_NE(got.status.code(), Code::kUnknown) << "of a read";
      if (got.ok()) {
        EXPECT_TRUE(SameData(*got.response, *Stored(*some[0], entity), entity));
      }
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      attempts_.push_back(std::move(attempt));
    }
    if (turn % 4 == 0) {
      const Reply listed = fault_->Await(fault_->StartList(timeout_));
      EXPECT_TRUE(fault_->Allowed(listed.status));
      EXPECT_NE(listed.status.code(), Code::kUnknown) << "of a read";
    }
  }
  running_.fetch_sub(1);
}

void PostgresFault::ExpectAsAnswered(const std::vector<Attempt>& attempts) {
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

// Streams: how large a step is, what it holds, and how it ends.
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <latch>
#include <mutex>
#include <thread>

#include "server/service/service.h"
#include "tests/unit/service/library.h"

namespace storegate::service {
namespace {

// A table of notes with the ids 1, 2, 3 …, as long and as wide as a test says.
struct Table {
  int64_t rows = 0;
  std::function<size_t(int64_t id)> text_bytes = [](int64_t) { return 10; };
  // Called for each query before it is answered, on its thread.
  std::function<Status(const repository::Query&)> before = [](const auto&) { return Status(); };

  std::mutex mutex;
  std::vector<int64_t> limits;       // of the queries so far; guarded by mutex
  std::vector<Deadline> deadlines;   // too
};

class TableSession : public repository::Session {
 public:
  explicit TableSession(Table* table) : table_(*table) {}

  Status List(const repository::Query& query, repository::Sink* sink) override {
    {
      std::lock_guard lock(table_.mutex);
      table_.limits.push_back(query.limit);
      table_.deadlines.push_back(query.deadline);
    }
    if (Status status = table_.before(query); !status.ok()) return status;
    const int64_t first = query.after.empty() ? 1 : std::get<int64_t>(query.after[0]) + 1;
    for (int64_t id = first; id <= table_.rows && id - first < query.limit; ++id) {
      sink->BeginRow();
      sink->Int64(*query.entity->Find("id"), id);
      sink->Text(*query.entity->Find("text"), std::string(table_.text_bytes(id), 'x'));
      if (!sink->EndRow()) break;
    }
    return {};
  }

  Status Get(const repository::GetRequest&, repository::WireSink*,
             std::vector<repository::Found>*) override {
    return {};
  }
  Result<int64_t> Count(const repository::Query&) override { return table_.rows; }
  Status Apply(std::span<repository::Write* const>) override { return {}; }
  int64_t statements() const override { return 0; }

 private:
  Table& table_;
};

class TableBackend : public repository::Backend {
 public:
  explicit TableBackend(Table* table) : table_(table) {}

  std::string_view kind() const override { return "table"; }
  repository::Capabilities capabilities() const override { return {}; }
  Result<std::unique_ptr<repository::Session>> Connect(Use) override {
    return std::unique_ptr<repository::Session>(std::make_unique<TableSession>(table_));
  }
  Result<std::string> KeepSecret(std::string_view, std::string_view proposed) override {
    return std::string(proposed);
  }
  repository::Migrator* migrator() override { return nullptr; }

 private:
  Table* const table_;
};

// What one stream sent, and how it ended. Each message is taken at once, on the thread
// that sends it, unless the test says otherwise.
class Taken {
 public:
  Call MakeCall(const std::string& request = "") {
    Call call;
    call.method = &MethodOf("NoteStore", "StreamNotes");
    call.request = Make(*call.method->request, request)->SerializeAsString();
    call.deadline = Deadline::max();
    call.settled = &settled;
    call.send = [this](std::string message, std::function<void(bool)> sent) {
      bytes.push_back(message.size());
      MessagePtr parsed(MethodOf("NoteStore", "StreamNotes").response->New());
      EXPECT_TRUE(parsed->ParseFromString(message));
      messages.push_back(std::move(parsed));
      take(std::move(sent));
    };
    call.done = [this](const Status& status, std::string response) {
      EXPECT_EQ(response, "");
      this->status = status;
      ended.count_down();
    };
    return call;
  }

  size_t rows(size_t message) const {
    const auto* field = messages[message]->GetDescriptor()->FindFieldByName("notes");
    return static_cast<size_t>(
        messages[message]->GetReflection()->FieldSize(*messages[message], field));
  }
  size_t rows() const {
    size_t all = 0;
    for (size_t i = 0; i < messages.size(); ++i) all += rows(i);
    return all;
  }
  std::string token(size_t message) const {
    const auto* field = messages[message]->GetDescriptor()->FindFieldByName("next_page_token");
    return messages[message]->GetReflection()->GetString(*messages[message], field);
  }

  std::function<void(std::function<void(bool)> sent)> take = [](auto sent) { sent(true); };
  std::atomic<bool> settled{false};
  // Once it has ended:
  std::vector<MessagePtr> messages;
  std::vector<size_t> bytes;
  Status status;
  std::latch ended{1};
};

class Streams : public testing::Test {
 protected:
  ~Streams() override { Stop(); }

  void Start(Options options = {}, int scan_threads = 2) {
    repository::ExecutorOptions lanes;
    lanes.scan_threads = scan_threads;
    executor_ = std::make_unique<repository::Executor>(&backend_, lanes);
    ASSERT_TRUE(executor_->Start().ok());
    options.password_memory_bytes = 64 * 1024;
    Service::Routes routes;
    for (const schema::Entity& entity : Library().entities) routes[&entity] = executor_.get();
    service_ = std::make_unique<Service>(Library(), routes,
                                         query::TokenSealer(std::string(32, 'k')), options);
  }
  void Stop() {
    if (executor_ != nullptr) executor_->Stop();
    service_.reset();
  }
  void Run(Taken* taken, const std::string& request = "") {
    service_->Handle(taken->MakeCall(request));
    taken->ended.wait();
  }

  Table table_;
  TableBackend backend_{&table_};
  std::unique_ptr<repository::Executor> executor_;
  std::unique_ptr<Service> service_;
};

TEST_F(Streams, StepsGrowWithSmallRowsAndShrinkWithLargeOnes) {
  table_.rows = 50'100;
  table_.text_bytes = [](int64_t id) { return id < 50'000 ? 10 : 100'000; };
  Start();
  Taken taken;
  Run(&taken);
  EXPECT_TRUE(taken.status.ok()) << taken.status.ToString();
  EXPECT_EQ(taken.rows(), 50'100u);
  ASSERT_GT(table_.limits.size(), 10u);
  EXPECT_EQ(table_.limits[0], 129);
  EXPECT_EQ(table_.limits[1], 8193);
  EXPECT_EQ(table_.limits.back(), 9);
  for (const size_t bytes : taken.bytes) EXPECT_LE(bytes, (1u << 20) + 1000);
  // 50,000 small ones in 8, 100 large ones in about as many as there are MiB.
  EXPECT_LT(taken.messages.size(), 30u);
}

TEST_F(Streams, TheLargestRowsTravelAloneAndBelowWhatClientsTake) {
  table_.rows = 5;
  table_.text_bytes = [](int64_t) { return (1 << 20) - 20; };
  Start();
  Taken taken;
  Run(&taken);
  EXPECT_TRUE(taken.status.ok());
  ASSERT_EQ(taken.messages.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(taken.rows(i), 1u);
    EXPECT_LT(taken.bytes[i], 4u << 20);
    EXPECT_EQ(taken.token(i).empty(), i == 4);
  }
  // Of the second one there was a look each time, of no third one.
  EXPECT_EQ(table_.limits[1], 2);
}

TEST_F(Streams, ARowPastEveryLimitStillTravels) {
  table_.rows = 3;
  table_.text_bytes = [](int64_t id) { return id == 2 ? 5'000'000 : 10; };
  Start();
  Taken taken;
  Run(&taken);
  EXPECT_TRUE(taken.status.ok());
  EXPECT_EQ(taken.rows(), 3u);
}

TEST_F(Streams, AStepThatEndsWithTheLastRowIsTheLast) {
  table_.rows = 128;
  Start();
  Taken taken;
  Run(&taken);
  EXPECT_EQ(taken.messages.size(), 1u);
  EXPECT_EQ(taken.rows(), 128u);
  EXPECT_EQ(taken.token(0), "");
}

TEST_F(Streams, NoRowsAreOneMessage) {
  Start();
  Taken taken;
  Run(&taken);
  EXPECT_TRUE(taken.status.ok());
  EXPECT_EQ(taken.bytes, std::vector<size_t>{0});
}

TEST_F(Streams, TheStackIsAsDeepAtTheLastPageAsAtTheFirst) {
  // Each message is taken before `send` returns.
  table_.rows = 20'000;
  Options options;
  options.stream_step_bytes = 1;
  Start(options, /*scan_threads=*/1);
  Taken taken;
  uintptr_t low = UINTPTR_MAX, high = 0;
  taken.take = [&](auto sent) {
    const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    low = std::min(low, here);
    high = std::max(high, here);
    sent(true);
  };
  Run(&taken);
  EXPECT_EQ(taken.rows(), 20'000u);
  EXPECT_LT(high - low, 16'384u);
}

TEST_F(Streams, NobodysSessionIsHeldWhileAMessageWaitsToBeTaken) {
  table_.rows = 10;
  Options options;
  options.stream_step_bytes = 1;
  Start(options, /*scan_threads=*/1);
  Taken waiting;
  std::promise<std::function<void(bool)>> first;
  waiting.take = [&](auto sent) { first.set_value(std::move(sent)); };
  service_->Handle(waiting.MakeCall());
  const std::function<void(bool)> sent = first.get_future().get();
  const size_t asked = table_.limits.size();
  Taken other;
  Run(&other);
  EXPECT_EQ(other.rows(), 10u);
  EXPECT_EQ(table_.limits.size(), asked + 10);
  waiting.take = [](auto taken) { taken(true); };
  sent(true);
  waiting.ended.wait();
  EXPECT_EQ(waiting.rows(), 10u);
}

TEST_F(Streams, MessagesMayBeTakenOnAnyThread) {
  table_.rows = 300;
  Options options;
  options.stream_step_bytes = 1;
  Start(options);
  Taken taken;
  std::mutex mutex;  // the next message may come before the thread is in its place
  std::vector<std::thread> threads;
  taken.take = [&](auto sent) {
    std::lock_guard lock(mutex);
    threads.emplace_back([sent = std::move(sent)] { sent(true); });
  };
  Run(&taken);
  std::lock_guard lock(mutex);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.rows(), 300u);
}

TEST_F(Streams, NothingIsReadOnceNobodyTakes) {
  table_.rows = 100;
  Options options;
  options.stream_step_bytes = 1;
  Start(options);
  Taken taken;
  taken.take = [&](auto sent) { sent(taken.messages.size() < 3); };
  Run(&taken);
  EXPECT_EQ(taken.status.code(), Code::kCancelled);
  EXPECT_EQ(taken.status.reason(), "STREAM_ABANDONED");
  EXPECT_EQ(table_.limits.size(), 3u);
}

TEST_F(Streams, AStepThatWaitsForASessionIsDroppedOnceTheCallerIsGone) {
  table_.rows = 100;
  Options options;
  options.stream_step_bytes = 1;
  Start(options);
  Taken taken;
  taken.take = [&](auto sent) {
    taken.settled = true;
    sent(true);
  };
  Run(&taken);
  EXPECT_FALSE(taken.status.ok());
  EXPECT_EQ(table_.limits.size(), 1u);
}

TEST_F(Streams, AStepThatTakesAsLongAsOneMaySaysSoUnlessItsCallerHadNoMoreTime) {
  table_.rows = 3;
  table_.before = [](const repository::Query& query) {
    std::this_thread::sleep_until(query.deadline);
    return Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED", "too late");
  };
  Options options;
  options.query_time = std::chrono::milliseconds(20);
  Start(options);
  Taken expensive;
  Run(&expensive);
  EXPECT_EQ(expensive.status.code(), Code::kResourceExhausted);
  EXPECT_EQ(expensive.status.reason(), "QUERY_TOO_EXPENSIVE");
  EXPECT_NE(expensive.status.message().find("20 ms"), std::string::npos);

  Taken hurried;
  Call call = hurried.MakeCall();
  call.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  service_->Handle(std::move(call));
  hurried.ended.wait();
  EXPECT_EQ(hurried.status.code(), Code::kDeadlineExceeded);
}

TEST_F(Streams, EachStepHasADeadlineOfItsOwn) {
  table_.rows = 3;
  Options options;
  options.stream_step_bytes = 1;
  options.query_time = std::chrono::hours(1);
  Start(options);
  const Deadline before = std::chrono::steady_clock::now();
  Taken endless;
  Run(&endless);
  const Deadline after = std::chrono::steady_clock::now();
  ASSERT_EQ(table_.deadlines.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_GE(table_.deadlines[i], before + std::chrono::hours(1));
    EXPECT_LE(table_.deadlines[i], after + std::chrono::hours(1));
    EXPECT_TRUE(i == 0 || table_.deadlines[i] > table_.deadlines[i - 1]);
  }
  Taken bounded;
  Call call = bounded.MakeCall();
  const Deadline deadline = before + std::chrono::minutes(5);
  call.deadline = deadline;
  service_->Handle(std::move(call));
  bounded.ended.wait();
  for (size_t i = 3; i < 6; ++i) EXPECT_EQ(table_.deadlines[i], deadline);
}

TEST_F(Streams, PastTheCallersDeadlineTheNextStepIsNotRead) {
  table_.rows = 100;
  Options options;
  options.stream_step_bytes = 1;
  Start(options);
  Taken taken;
  Call call = taken.MakeCall();
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  call.deadline = deadline;
  taken.take = [&](auto sent) {
    std::this_thread::sleep_until(deadline);
    sent(true);
  };
  service_->Handle(std::move(call));
  taken.ended.wait();
  EXPECT_EQ(taken.status.code(), Code::kDeadlineExceeded);
  EXPECT_LE(table_.limits.size(), 1u);
}

TEST_F(Streams, AnErrorOfTheDatabaseEndsTheStreamAndItsTokenGoesOn) {
  table_.rows = 5;
  bool fail = true;
  table_.before = [&](const repository::Query& query) {
    if (!fail || query.after.empty() || std::get<int64_t>(query.after[0]) < 3) return Status();
    return Status(Code::kUnavailable, "CONNECTION_LOST", "The connection was lost.");
  };
  Options options;
  options.stream_step_bytes = 1;
  Start(options);
  Taken broken;
  Run(&broken);
  EXPECT_EQ(broken.status.code(), Code::kUnavailable);
  EXPECT_EQ(broken.status.reason(), "CONNECTION_LOST");
  ASSERT_EQ(broken.rows(), 3u);
  fail = false;
  Status status;
  Taken rest;
  Run(&rest, "page_token: '" + broken.token(2) + "'");
  EXPECT_TRUE(rest.status.ok()) << rest.status.ToString();
  EXPECT_EQ(rest.rows(), 2u);
}

TEST_F(Streams, AnExecutorThatStopsEndsThem) {
  table_.rows = 1000;
  Options options;
  options.stream_step_bytes = 1;
  Start(options);
  Taken taken;
  std::promise<std::function<void(bool)>> first;
  taken.take = [&](auto sent) { first.set_value(std::move(sent)); };
  service_->Handle(taken.MakeCall());
  const std::function<void(bool)> sent = first.get_future().get();
  executor_->Stop();
  sent(true);
  taken.ended.wait();
  EXPECT_EQ(taken.status.code(), Code::kUnavailable);
  EXPECT_EQ(taken.status.reason(), "SHUTTING_DOWN");
}

TEST_F(Streams, AMessageMayBeGivenUpAfterTheServiceIsGone) {
  table_.rows = 1000;
  Options options;
  options.stream_step_bytes = 1;
  Start(options);
  Taken taken;
  std::promise<std::function<void(bool)>> first;
  taken.take = [&](auto sent) { first.set_value(std::move(sent)); };
  service_->Handle(taken.MakeCall());
  std::function<void(bool)> sent = first.get_future().get();
  Stop();
  std::exchange(sent, nullptr)(false);
  taken.ended.wait();
  EXPECT_EQ(taken.status.code(), Code::kCancelled);
}

TEST_F(Streams, ThoseThatAreOpenAreBounded) {
  table_.rows = 10;
  Options options;
  options.stream_step_bytes = 1;
  options.max_stream_calls = 3;
  Start(options);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::function<void(bool)>> held;
  std::deque<Taken> open(3);
  for (Taken& taken : open) {
    taken.take = [&](auto sent) {
      std::lock_guard lock(mutex);
      held.push_back(std::move(sent));
      changed.notify_all();
    };
    service_->Handle(taken.MakeCall());
  }
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return held.size() == 3; });
  }
  Taken refused;
  Run(&refused);
  EXPECT_EQ(refused.status.code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.status.reason(), "TOO_MANY_STREAMS");
  EXPECT_EQ(refused.status.metadata().at("limit"), "3");
  EXPECT_TRUE(refused.status.retry_delay().has_value());
  EXPECT_TRUE(refused.messages.empty());
  // A refused one took no seat, and one that ended gives its own back.
  for (auto& sent : held) std::exchange(sent, nullptr)(false);
  for (Taken& taken : open) taken.ended.wait();
  Taken next;
  Run(&next);
  EXPECT_EQ(next.rows(), 10u);
}

TEST_F(Streams, ManyAtOnceEachGetAll) {
  table_.rows = 50;
  Options options;
  options.stream_step_bytes = 100;
  Start(options);
  std::deque<Taken> streams(200);
  for (Taken& taken : streams) service_->Handle(taken.MakeCall());
  for (Taken& taken : streams) {
    taken.ended.wait();
    EXPECT_TRUE(taken.status.ok());
    EXPECT_EQ(taken.rows(), 50u);
  }
}

}  // namespace
}  // namespace storegate::service

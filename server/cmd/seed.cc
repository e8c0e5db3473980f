#include "server/cmd/seed.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>

#include "server/base/text.h"
#include "server/base/wire.h"
#include "server/cmd/gateway.h"

namespace storegate::cmd {
namespace {

constexpr size_t kBatchMax = 100;
// Well below what a request may be.
constexpr size_t kBatchBytes = 2 << 20;
constexpr std::chrono::minutes kCallBound{5};

// What is about the records themselves: loaded one by one, it shows whose it is.
bool IsAboutRecords(Code code) {
  return code == Code::kAlreadyExists || code == Code::kInvalidArgument ||
         code == Code::kFailedPrecondition || code == Code::kNotFound || code == Code::kAborted ||
         code == Code::kOutOfRange;
}

}  // namespace

Seeder::Seeder(const schema::Schema& schema, Handler handler, size_t batch_max)
    : schema_(schema), handler_(std::move(handler)), batch_max_(std::min(batch_max, kBatchMax)) {
  for (const schema::Store& store : schema.stores) {
    Queue& queue = queues_[store.entity];
    for (const schema::Method& method : store.methods) {
      if (method.operation == schema::Operation::kBatchCreate) queue.batch = &method;
      if (method.operation == schema::Operation::kCreate) queue.single = &method;
    }
  }
}

Status Seeder::Load(std::istream& in, const std::string& name) {
  name_ = name;
  SeedParser parser(schema_);
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    Result<SeedLine> parsed = parser.Parse(line);
    if (!parsed.ok()) return At(number, parsed.status());
    Status added = Add(parsed->entity, Pending{number, std::move(parsed->record)});
    if (!added.ok()) return added;
  }
  if (in.bad()) {
    return Status(Code::kUnknown, "SEED_NOT_READ", name_ + ": reading failed before its end");
  }
  for (const auto& [entity, queue] : queues_) {
    std::vector<const schema::Entity*> visited;
    Status flushed = Flush(entity, &visited);
    if (!flushed.ok()) return flushed;
  }
  return LoadPostponed();
}

Status Seeder::Add(const schema::Entity* entity, Pending pending) {
  Queue& queue = queues_[entity];
  if (queue.batch == nullptr && queue.single == nullptr) {
    return At(pending.line, Status(Code::kInvalidArgument, "INVALID_SEED",
                                   "no store of " + entity->full_name + " creates records"));
  }
  queue.bytes += pending.record.size();
  queue.waiting.push_back(std::move(pending));
  if (queue.waiting.size() < batch_max_ && queue.bytes < kBatchBytes) return Status();
  std::vector<const schema::Entity*> visited;
  return Flush(entity, &visited);
}

Status Seeder::Flush(const schema::Entity* entity, std::vector<const schema::Entity*>* visited) {
  if (std::find(visited->begin(), visited->end(), entity) != visited->end()) return Status();
  visited->push_back(entity);
  for (const schema::Field& field : entity->fields) {
    if (!field.references) continue;
    Status flushed = Flush(field.references->entity, visited);
    if (!flushed.ok()) return flushed;
  }
  Queue& queue = queues_[entity];
  queue.bytes = 0;
  return LoadBatch(&queue, std::exchange(queue.waiting, {}), entity);
}

Status Seeder::LoadBatch(Queue* queue, std::vector<Pending> records,
                         const schema::Entity* entity) {
  if (records.size() > 1 && queue->batch != nullptr) {
    std::vector<const std::string*> bytes;
    for (const Pending& record : records) bytes.push_back(&record.record);
    Status status = Call(queue->batch, bytes);
    if (status.ok()) {
      report_.loaded += static_cast<int64_t>(records.size());
      return Status();
    }
    if (!IsAboutRecords(status.code()) && status.reason() != "TRANSACTIONS_UNAVAILABLE") {
      return At(records.front().line, status);
    }
  }
  for (Pending& record : records) {
    Status status = LoadOne(*queue, std::move(record), entity);
    if (!status.ok()) return status;
  }
  return Status();
}

Status Seeder::LoadOne(const Queue& queue, Pending record, const schema::Entity* entity) {
  Status status = Call(queue.single != nullptr ? queue.single : queue.batch, {&record.record});
  if (status.ok()) {
    ++report_.loaded;
  } else if (status.reason() == "RECORD_EXISTS") {
    ++report_.existing;
  } else if (status.reason() == "REFERENCE_NOT_FOUND") {
    postponed_.push_back({entity, std::move(record), status});
  } else {
    return At(record.line, status);
  }
  return Status();
}

Status Seeder::LoadPostponed() {
  for (size_t before = 0; !postponed_.empty() && postponed_.size() != before;) {
    before = postponed_.size();
    for (Postponed& each : std::exchange(postponed_, {})) {
      Status status = LoadOne(queues_[each.entity], std::move(each.record), each.entity);
      if (!status.ok()) return status;
    }
  }
  if (postponed_.empty()) return Status();
  return At(postponed_.front().record.line, postponed_.front().why);
}

Status Seeder::Call(const schema::Method* method, const std::vector<const std::string*>& records) {
  service::Call call;
  call.method = method;
  call.deadline = std::chrono::steady_clock::now() + kCallBound;
  call.keep_times = true;
  for (const std::string* record : records) {
    if (method->operation == schema::Operation::kCreate) {
      wire::AppendBytes(method->record->number(), *record, &call.request);
      continue;
    }
    size_t start = wire::Begin(method->requests->number(), &call.request);
    wire::AppendBytes(method->item_record->number(), *record, &call.request);
    wire::End(start, &call.request);
  }
  auto answered = std::make_shared<std::promise<Status>>();
  call.done = [answered](const Status& status, std::string) { answered->set_value(status); };
  std::future<Status> answer = answered->get_future();
  handler_(std::move(call));
  return answer.get();
}

Status Seeder::At(int64_t line, const Status& status) const {
  return status.Reworded(name_ + ":" + std::to_string(line) + ": " + status.message());
}

bool OpenSeed(const std::string& path, std::ifstream* file, std::ostream& errors) {
  file->open(path, std::ios::binary);
  std::error_code ignored;
  if (*file && !std::filesystem::is_directory(path, ignored)) return true;
  errors << "storegate: the seed file " << Quoted(path) << " cannot be read\n";
  return false;
}

bool LoadSeed(const Config& config, std::istream& in, const std::string& name, Gateway* gateway,
              SeedReport* report, std::ostream& errors) {
  Seeder seeder(
      gateway->schema(),
      [gateway](service::Call call) { gateway->service().Handle(std::move(call)); },
      config.service.max_batch);
  const Status status = seeder.Load(in, name);
  *report = seeder.report();
  if (!status.ok()) PrintStatus(status, errors);
  return status.ok();
}

int Seed(const Config& config, const std::string& path) {
  ApplyLogLevel(config);
  const bool from_stdin = path == "-";
  std::ifstream file;
  if (!from_stdin && !OpenSeed(path, &file, std::cerr)) return 1;
  std::unique_ptr<Gateway> gateway = Gateway::Open(config, std::cerr);
  if (gateway == nullptr) return 1;
  SeedReport report;
  const bool loaded = LoadSeed(config, from_stdin ? std::cin : file, from_stdin ? "stdin" : path,
                               gateway.get(), &report, std::cerr);
  (loaded ? std::cout : std::cerr)
      << (loaded ? "" : "stopped; ") << "loaded " << report.loaded
      << (report.loaded == 1 ? " record, " : " records, ") << report.existing << " already there"
      << std::endl;
  return loaded ? 0 : 1;
}

}  // namespace storegate::cmd

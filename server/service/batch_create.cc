// BatchCreate: many records, all or none, or with allow_partial each on its own.
#include <algorithm>
#include <atomic>
#include <utility>

#include "server/base/text.h"
#include "server/base/wire.h"
#include "server/repository/wire_sink.h"
#include "server/service/context.h"
#include "server/service/error_details.h"
#include "server/service/prepare.h"
#include "server/service/reasons.h"
#include "server/service/references.h"
#include "server/service/reflect.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using repository::Executor;
using repository::Write;

// Of a partial answer, what its errors may take in all.
constexpr size_t kMaxErrorBytes = 1 << 20;

struct Item {
  Message* record = nullptr;
  Status status;    // why it is not written
  std::string row;  // with allow_partial: as the response holds it
};

struct BatchCall {
  CallPtr call;
  bool partial = false;
  int64_t now = 0;
  std::vector<Item> items;
  std::atomic<size_t> left = 0;  // writes under way
};
using BatchPtr = std::shared_ptr<BatchCall>;

std::string PathOf(const BatchCall& batch, size_t index) {
  return batch.call->method().requests->name() + "[" + std::to_string(index) + "]";
}

// The status of one item as that of the whole batch.
Status AtIndex(const BatchCall& batch, size_t index, const Status& status) {
  Status out(status.code(), status.reason(), PathOf(batch, index) + ": " + status.message());
  for (const auto& [key, value] : status.metadata()) out.With(key, value);
  for (const Violation& v : status.violations()) out.WithViolation(v.field, v.description);
  if (status.retry_delay()) out.WithRetryDelay(*status.retry_delay());
  out.With("index", std::to_string(index));
  return out;
}

int RecordsNumber(const BatchCall& batch) {
  const FieldDescriptor* records = batch.call->method().records;
  return records == nullptr ? 0 : records->number();
}

void AnswerPartial(const BatchPtr& batch) {
  const CallPtr& call = batch->call;
  const size_t failed = std::count_if(batch->items.begin(), batch->items.end(),
                                      [](const Item& item) { return !item.status.ok(); });
  std::string response;
  for (const Item& item : batch->items) {
    if (item.status.ok()) response += item.row;
  }
  const FieldDescriptor* field = call->method().failed_requests;
  if (field != nullptr && failed > 0) {
    const size_t budget = std::clamp<size_t>(kMaxErrorBytes / failed, 256, kMaxStatusBytes);
    for (size_t i = 0; i < batch->items.size(); ++i) {
      const Status& status = batch->items[i].status;
      if (status.ok()) continue;
      // An entry of map<int32, google.rpc.Status>.
      const size_t entry = wire::Begin(field->number(), &response);
      wire::AppendVarint(wire::Tag(1, wire::kVarint), &response);
      wire::AppendVarint(i, &response);
      wire::AppendBytes(2, ToRpcStatus(status, budget).SerializeAsString(), &response);
      wire::End(entry, &response);
    }
  }
  call->Succeed(std::move(response));
}

void WriteEach(const BatchPtr& batch) {
  const CallPtr& call = batch->call;
  std::vector<size_t> todo;
  for (size_t i = 0; i < batch->items.size(); ++i) {
    if (batch->items[i].status.ok()) todo.push_back(i);
  }
  if (todo.empty()) return AnswerPartial(batch);
  batch->left = todo.size();
  Executor::Gather gather;
  for (size_t i : todo) {
    Item& item = batch->items[i];
    auto sink = std::make_shared<repository::WireSink>(&item.row, RecordsNumber(*batch));
    sink->SetEntity(&call->entity());
    repository::WriteTask task;
    task.write = std::make_unique<Write>();
    task.write->mutations.push_back(
        InsertMutation(*call->context, call->entity(), *item.record, batch->now));
    task.write->sink = sink.get();
    task.deadline = call->call.deadline;
    task.method = call->call.method;
    task.settled = call->call.settled;
    task.done = [batch, sink, i](const Status& status, std::unique_ptr<Write> write) {
      Item& item = batch->items[i];
      item.status = status;
      if (status.ok() && write->failed) item.status = write->outcomes[*write->failed].status;
      if (batch->left.fetch_sub(1, std::memory_order_acq_rel) == 1) AnswerPartial(batch);
    };
    call->executor().Submit(std::move(task));
  }
}

void WriteAll(const BatchPtr& batch) {
  const CallPtr& call = batch->call;
  auto sink = std::make_shared<repository::WireSink>(&call->rows, RecordsNumber(*batch));
  sink->SetEntity(&call->entity());
  repository::WriteTask task;
  task.write = std::make_unique<Write>();
  for (const Item& item : batch->items) {
    task.write->mutations.push_back(
        InsertMutation(*call->context, call->entity(), *item.record, batch->now));
  }
  task.write->sink = sink.get();
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.done = [batch, sink](const Status& status, std::unique_ptr<Write> write) {
    const CallPtr& call = batch->call;
    if (status.ok() && write->failed) {
      return call->Fail(AtIndex(*batch, *write->failed, write->outcomes[*write->failed].status));
    }
    if (!status.ok()) return call->Fail(status);
    call->Succeed(std::move(call->rows));
  };
  call->executor().Submit(std::move(task));
}

// One error for all references that lead nowhere, or the first that could not be
// looked up.
Status ReferenceErrors(const BatchCall& batch, const std::vector<FarReference>& references,
                       const std::vector<Status>& statuses) {
  Status all;
  size_t missing = 0;
  for (size_t i = 0; i < statuses.size(); ++i) {
    const Status& status = statuses[i];
    if (status.ok()) continue;
    if (status.reason() != reason::kReferenceNotFound) {
      return AtIndex(batch, references[i].item, status);
    }
    if (all.ok()) all = AtIndex(batch, references[i].item, status);
    if (++missing <= Violations::kKept) all.WithViolation(references[i].path, status.message());
  }
  if (missing > 0) all.With("violations_total", std::to_string(missing));
  return all;
}

void CheckReferences(const BatchPtr& batch) {
  const CallPtr& call = batch->call;
  if (Expired(call->call.deadline)) return call->Fail(DeadlineExceeded());
  std::vector<FarReference> far;
  const auto fields = ReferenceFields(call->entity());
  const std::string below = "." + call->method().item_record->name();
  for (size_t i = 0; i < batch->items.size(); ++i) {
    if (!batch->items[i].status.ok()) continue;
    FindFarReferences(*call->context, fields, *batch->items[i].record, PathOf(*batch, i) + below, i,
                      &far);
  }
  auto references = std::make_shared<std::vector<FarReference>>(far);
  CheckFarReferences(*call->context, std::move(far), call->call,
                     [batch, references](const std::vector<Status>& statuses) {
                       if (!batch->partial) {
                         Status status = ReferenceErrors(*batch, *references, statuses);
                         if (!status.ok()) return batch->call->Fail(status);
                         return WriteAll(batch);
                       }
                       for (size_t i = 0; i < statuses.size(); ++i) {
                         Item& item = batch->items[(*references)[i].item];
                         if (item.status.ok()) item.status = statuses[i];
                       }
                       WriteEach(batch);
                     });
}

// Checks each record; with allow_partial what is wrong is its own status, else
// that of the batch.
Status PrepareItems(const BatchPtr& batch) {
  const CallPtr& call = batch->call;
  const FieldDescriptor* requests = call->method().requests;
  const FieldDescriptor* record = call->method().item_record;
  const FieldDescriptor* include = requests->message_type()->FindFieldByName("include");
  const int count = call->request->GetReflection()->FieldSize(*call->request, requests);
  batch->items.resize(static_cast<size_t>(count));
  Violations all;
  const Path root, list(root, requests->name());
  size_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    Item& item = batch->items[static_cast<size_t>(i)];
    Violations own;
    Violations* violations = batch->partial ? &own : &all;
    Message* request = MutableMessageAt(call->request, requests, i);
    const Path element(list, i), path(element, record->name());
    if (include != nullptr && IsSet(*request, include)) {
      violations->Add(Path(element, include->name()),
                      "not in a batch, which answers with what was created alone",
                      reason::kInvalidMask);
    }
    if (!IsSet(*request, record)) {
      violations->Add(path, "required, but not set");
    } else {
      item.record = MutableMessageAt(request, record);
      PrepareInsert(*call->context, call->entity(), path, call->call.keep_times, batch->now,
                    item.record, violations);
      bytes += item.record->ByteSizeLong() + 64;  // etag, tag and length
    }
    item.status = own.ToStatus();
  }
  if (!all.empty()) return all.ToStatus();
  // Better before the write than an answer that its caller cannot take.
  if (call->method().records != nullptr && bytes > kMaxResponseBytes) {
    Status status(Code::kResourceExhausted, reason::kResponseTooLarge,
                  "the answer would be about " + std::to_string(bytes) + " bytes; at most " +
                      std::to_string(kMaxResponseBytes) + " are sent; split the batch");
    status.With("limit", std::to_string(kMaxResponseBytes)).With("actual", std::to_string(bytes));
    return status;
  }
  return {};
}

}  // namespace

void BatchCreate(const CallPtr& call) {
  const schema::Method& method = call->method();
  Status status = call->Parse(/*write=*/true, method.requests);
  if (!status.ok()) return call->Fail(status);
  auto batch = std::make_shared<BatchCall>();
  batch->call = call;
  batch->partial = GetBool(*call->request, method.allow_partial);
  batch->now = NowMillis();
  const int count = call->request->GetReflection()->FieldSize(*call->request, method.requests);
  if (count == 0) return call->Succeed("");
  if (status = PrepareItems(batch); !status.ok()) return call->Fail(status);
  // Behind what is wrong with the request itself, which is the same on every database.
  if (!batch->partial && count > 1 && !call->executor().backend().capabilities().transactions) {
    return call->Fail(Status(Code::kUnimplemented, reason::kTransactionsUnavailable,
                             "this database has no transactions: a batch is all or none only "
                             "there; send allow_partial, or one record at a time"));
  }
  std::vector<PasswordField> passwords;
  for (size_t i = 0; i < batch->items.size(); ++i) {
    if (!batch->items[i].status.ok()) continue;
    FindPasswords(batch->items[i].record, call->entity(), i, &passwords);
  }
  HashPasswords(&call->context->hasher, std::move(passwords), call->call.deadline,
                [batch](const Status& status) {
                  if (!status.ok()) return batch->call->Fail(status);
                  CheckReferences(batch);
                });
}

}  // namespace storegate::service

// Get: one record by any unique key. The way that matters most: where the keys
// are strings and integers the request is read straight from its bytes, and the
// row's bytes are the answer; no message is built. A request with a mask is parsed.
#include <memory>
#include <optional>
#include <utility>

#include "server/base/text.h"
#include "server/repository/wire_sink.h"
#include "server/service/context.h"
#include "server/service/include.h"
#include "server/service/reasons.h"
#include "server/service/request_key.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

// Whether what was found is what the caller may see.
Status CheckFound(const schema::Entity& entity, const RequestedKey& key,
                  const repository::Found& found) {
  if (!found.found) return RecordNotFound(entity, *key.key, key.values);
  if (found.deleted && !key.show_deleted) return RecordDeleted(entity, *key.key, key.values);
  return {};
}

// `answer` gets a status and the row of the key.
template <typename Answer>
void Read(repository::Executor* executor, const schema::Method& method, const Call& call,
          RequestedKey key, Answer answer) {
  repository::PointRead read;
  read.entity = method.entity;
  read.key = key.key;
  read.values = key.values;
  read.deadline = call.deadline;
  read.method = &method;
  read.settled = call.settled;
  read.done = [&method, key = std::move(key), answer = std::move(answer)](
                  const Status& status, repository::Found found, std::string_view row) {
    answer(status.ok() ? CheckFound(*method.entity, key, found) : status, row);
  };
  executor->Submit(std::move(read));
}

// Some fields only: such reads are not put together with others.
void ReadFields(const CallPtr& call, RequestedKey key,
                std::shared_ptr<const Selection> selection) {
  auto request = std::make_shared<repository::GetRequest>();
  request->entity = &call->entity();
  request->key = key.key;
  request->values = {key.values};
  request->fields = selection->read();
  request->deadline = call->call.deadline;
  repository::SessionTask task;
  task.lane = repository::Lane::kPoint;
  task.what = call->entity().full_name + " get";
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.run = [call, key = std::move(key), selection = std::move(selection), request](
                 const Status& status, repository::Session* session) {
    if (!status.ok()) return call->Fail(status);
    repository::WireSink sink(&call->rows);
    sink.SetEntity(&call->entity());
    std::vector<repository::Found> found;
    Status got = session->Get(*request, &sink, &found);
    if (got.ok()) got = CheckFound(call->entity(), key, found[0]);
    if (!got.ok()) return call->Fail(got);
    AnswerRecord(call, selection,
                 call->rows.substr(found[0].begin, found[0].end - found[0].begin));
  };
  call->executor().Submit(std::move(task));
}

void GetParsed(const CallPtr& call) {
  const schema::Method& method = call->method();
  if (Status status = call->Parse(/*write=*/false); !status.ok()) return call->Fail(status);
  Result<RequestedKey> key = ReadKey(method, *call->request);
  if (!key.ok()) return call->Fail(key.status());
  Result<Selection> read = ReadSelection(method, *call->request);
  if (!read.ok()) return call->Fail(read.status());
  auto selection = std::make_shared<const Selection>(*std::move(read));
  if (!selection->read().empty()) return ReadFields(call, *std::move(key), std::move(selection));
  Read(&call->executor(), method, call->call, *std::move(key),
       [call, selection = std::move(selection)](const Status& status, std::string_view row) {
         if (!status.ok()) return call->Fail(status);
         AnswerRecord(call, selection, std::string(row));
       });
}

}  // namespace

void Get(Context* context, Call call) {
  const schema::Method& method = *call.method;
  std::optional<Result<RequestedKey>> key = ScanKey(method, call.request);
  if (!key) return GetParsed(std::make_shared<CallState>(context, std::move(call)));
  if (!key->ok()) return call.done(key->status(), std::string());
  auto done = std::move(call.done);
  Read(context->ExecutorOf(method.entity), method, call, **std::move(key),
       [done = std::move(done)](const Status& status, std::string_view row) {
         done(status, status.ok() ? std::string(row) : std::string());
       });
}

}  // namespace storegate::service

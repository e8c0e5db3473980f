// Create: one record.
#include <utility>

#include "server/base/text.h"
#include "server/repository/wire_sink.h"
#include "server/service/context.h"
#include "server/service/include.h"
#include "server/service/prepare.h"
#include "server/service/reasons.h"
#include "server/service/references.h"
#include "server/service/reflect.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using repository::Write;

struct Creation {
  CallPtr call;
  std::shared_ptr<const Selection> selection;
  Message* record = nullptr;
  int64_t now = 0;
};

void Insert(const Creation& creation) {
  const CallPtr& call = creation.call;
  if (Expired(call->call.deadline)) return call->Fail(DeadlineExceeded());
  auto sink = std::make_shared<repository::WireSink>(&call->rows);
  sink->SetEntity(&call->entity());
  repository::WriteTask task;
  task.write = std::make_unique<Write>();
  task.write->mutations.push_back(
      InsertMutation(*call->context, call->entity(), *creation.record, creation.now));
  task.write->sink = sink.get();
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.done = [call, sink, selection = creation.selection](const Status& status,
                                                           std::unique_ptr<Write> write) {
    if (!status.ok()) return call->Fail(status);
    if (write->failed) return call->Fail(write->outcomes[*write->failed].status);
    AnswerRecord(call, selection, std::move(call->rows));
  };
  call->executor().Submit(std::move(task));
}

void CheckReferences(const Creation& creation) {
  const CallPtr& call = creation.call;
  std::vector<FarReference> far;
  FindFarReferences(*call->context, ReferenceFields(call->entity()), *creation.record,
                    call->method().record->name(), 0, &far);
  CheckFarReferences(*call->context, std::move(far), call->call,
                     [creation](const std::vector<Status>& statuses) {
                       for (const Status& status : statuses) {
                         if (!status.ok()) return creation.call->Fail(status);
                       }
                       Insert(creation);
                     });
}

}  // namespace

void Create(const CallPtr& call) {
  if (Status status = call->Parse(/*write=*/true); !status.ok()) return call->Fail(status);
  const FieldDescriptor* field = call->method().record;
  if (!IsSet(*call->request, field)) {
    return call->Fail(Invalid(field->name(), "required, but not set"));
  }
  Result<Selection> selection = ReadSelection(call->method(), *call->request);
  if (!selection.ok()) return call->Fail(selection.status());
  Creation creation{call, std::make_shared<Selection>(*std::move(selection)),
                    MutableMessageAt(call->request, field), NowMillis()};
  Violations violations;
  PrepareInsert(*call->context, call->entity(), Path(Path(), field->name()),
                call->call.keep_times, creation.now, creation.record, &violations);
  if (!violations.empty()) return call->Fail(violations.ToStatus());
  std::vector<PasswordField> passwords;
  FindPasswords(creation.record, call->entity(), 0, &passwords);
  HashPasswords(&call->context->hasher, std::move(passwords), call->call.deadline,
                [creation](const Status& status) {
                  if (!status.ok()) return creation.call->Fail(status);
                  CheckReferences(creation);
                });
}

}  // namespace storegate::service

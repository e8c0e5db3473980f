// Delete, Undelete and Purge: a record by its id.
#include <utility>

#include "server/base/text.h"
#include "server/repository/wire_sink.h"
#include "server/service/context.h"
#include "server/service/reasons.h"
#include "server/service/references.h"
#include "server/service/reflect.h"
#include "server/service/validate.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using repository::Change;
using repository::Found;
using repository::Write;
using schema::Field;

struct Removal {
  CallPtr call;
  Change change = Change::kDelete;
  repository::KeyValues id;
  std::optional<int64_t> version;
  bool allow_missing = false;
  Message* row = nullptr;  // as it was, where the checks had to see it
};
using RemovalPtr = std::shared_ptr<Removal>;

bool ForGood(const Removal& removal) {
  return removal.change == Change::kPurge ||
         (removal.change == Change::kDelete && !removal.call->entity().soft_delete());
}

std::string Response(const Removal& removal, std::string row) {
  return removal.call->method().returns_record ? std::move(row) : std::string();
}

// `run` gets the row, deleted or not.
void ReadRow(const RemovalPtr& removal, bool with_secrets,
             std::function<void(const Status&, Found, std::string_view)> run) {
  repository::PointRead read;
  read.entity = &removal->call->entity();
  read.key = &removal->call->entity().keys[0];
  read.values = removal->id;
  read.with_secrets = with_secrets;
  read.deadline = removal->call->call.deadline;
  read.done = std::move(run);
  read.method = removal->call->call.method;
  read.settled = removal->call->call.settled;
  removal->call->executor().Submit(std::move(read));
}

// With allow_missing a record that is not there is no error: the answer is what
// there is, or a record with nothing but the id.
void AnswerMissing(const RemovalPtr& removal, const Status& status) {
  const CallPtr& call = removal->call;
  const bool deleted = status.reason() == reason::kRecordDeleted;
  if (!removal->allow_missing || (!deleted && status.reason() != reason::kRecordNotFound)) {
    return call->Fail(status);
  }
  const auto answer_id = [removal] {
    const CallPtr& call = removal->call;
    if (!call->method().returns_record) return call->Succeed("");
    Message* record = call->entity().prototype->New(&call->arena);
    const FieldDescriptor* id = call->entity().id->descriptor;
    if (const auto* text = std::get_if<std::string>(&removal->id[0])) {
      SetTextAt(record, id, kSingular, *text);
    } else {
      SetInteger(record, id, std::get<int64_t>(removal->id[0]));
    }
    call->Succeed(record->SerializeAsString());
  };
  if (!deleted) return answer_id();
  ReadRow(removal, false, [removal, answer_id](const Status& status, Found found,
                                               std::string_view row) {
    if (!status.ok()) return removal->call->Fail(status);
    if (!found.found) return answer_id();
    removal->call->Succeed(Response(*removal, std::string(row)));
  });
}

void WriteRow(const RemovalPtr& removal) {
  const CallPtr& call = removal->call;
  if (Expired(call->call.deadline)) return call->Fail(DeadlineExceeded());
  const schema::Entity& entity = call->entity();
  repository::Mutation mutation;
  mutation.change = removal->change;
  mutation.entity = &entity;
  mutation.id = removal->id[0];
  mutation.expected_version = removal->version;
  mutation.new_version = NewVersion();
  mutation.now_millis = NowMillis();
  if (removal->change == Change::kUndelete) {
    mutation.check_references = ReferencesHere(*call->context, ReferenceFields(entity));
  } else {
    mutation.check_referrers = ReferrersHere(*call->context, entity);
  }
  auto sink = std::make_shared<repository::WireSink>(&call->rows);
  sink->SetEntity(&entity);
  repository::WriteTask task;
  task.write = std::make_unique<Write>();
  task.write->mutations.push_back(std::move(mutation));
  task.write->sink = sink.get();
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.done = [removal, sink](const Status& status, std::unique_ptr<Write> write) {
    if (!status.ok()) return AnswerMissing(removal, status);
    if (write->failed) return AnswerMissing(removal, write->outcomes[*write->failed].status);
    removal->call->Succeed(Response(*removal, std::move(removal->call->rows)));
  };
  call->executor().Submit(std::move(task));
}

// What refers to the row from other databases; or, for an undelete, what the row
// refers to there.
void CheckFar(const RemovalPtr& removal) {
  const CallPtr& call = removal->call;
  const Context& context = *call->context;
  const schema::Entity& entity = call->entity();
  if (removal->change == Change::kUndelete) {
    std::vector<FarReference> far;
    if (removal->row != nullptr) {
      FindFarReferences(context, ReferenceFields(entity), *removal->row, "", 0, &far);
    }
    return CheckFarReferences(context, std::move(far), call->call,
                              [removal](const std::vector<Status>& statuses) {
                                for (const Status& status : statuses) {
                                  if (!status.ok()) return removal->call->Fail(status);
                                }
                                WriteRow(removal);
                              });
  }
  std::vector<FarReferrer> far;
  for (const Field* field : ReferrersFar(context, entity)) {
    const Field* target = field->references->field;
    if (target == entity.id) {
      far.push_back({field, removal->id[0]});
    } else if (removal->row != nullptr && IsSet(*removal->row, target->descriptor)) {
      Result<Value> value = query::ReadValue(*removal->row, target->descriptor);
      if (value.ok()) far.push_back({field, *std::move(value)});
    }
  }
  CheckFarReferrers(context, std::move(far), ForGood(*removal), call->call,
                    [removal](const Status& status) {
                      if (!status.ok()) return removal->call->Fail(status);
                      WriteRow(removal);
                    });
}

// Whether values of the row itself are needed for the checks across databases.
bool NeedsRow(const Removal& removal) {
  const Context& context = *removal.call->context;
  const schema::Entity& entity = removal.call->entity();
  if (removal.change == Change::kUndelete) {
    const auto all = ReferenceFields(entity);
    return ReferencesHere(context, all).size() != all.size();
  }
  for (const Field* field : ReferrersFar(context, entity)) {
    if (field->references->field != entity.id) return true;
  }
  return false;
}

Status ReadRequest(Removal* removal) {
  const CallPtr& call = removal->call;
  const schema::Method& method = call->method();
  const Path root, path(root, method.id->name());
  if (!IsSet(*call->request, method.id)) {
    return Invalid(path.ToString(), "required, but not set");
  }
  Result<Value> id = query::ReadValue(*call->request, method.id);
  if (!id.ok()) return id.status();
  Violations violations;
  CheckKeyValue(*call->entity().id, path, &*id, &violations);
  if (!violations.empty()) return violations.ToStatus();
  removal->id.push_back(*std::move(id));
  removal->allow_missing = GetBool(*call->request, method.allow_missing);
  if (method.etag != nullptr) {
    Result<std::optional<int64_t>> version =
        ReadEtag(GetString(*call->request, method.etag), method.etag->name());
    if (!version.ok()) return version.status();
    removal->version = *version;
  }
  return {};
}

void Remove(const CallPtr& call, Change change) {
  if (Status status = call->Parse(/*write=*/true); !status.ok()) return call->Fail(status);
  auto removal = std::make_shared<Removal>();
  removal->call = call;
  removal->change = change;
  if (Status status = ReadRequest(removal.get()); !status.ok()) return call->Fail(status);
  if (!NeedsRow(*removal)) return CheckFar(removal);
  // Input-only references count as well.
  ReadRow(removal, true, [removal](const Status& status, Found found, std::string_view row) {
    const CallPtr& call = removal->call;
    if (!status.ok()) return call->Fail(status);
    if (found.found) {
      removal->row = call->entity().prototype->New(&call->arena);
      if (!removal->row->ParseFromArray(row.data(), static_cast<int>(row.size()))) {
        return call->Fail(
            Status(Code::kInternal, reason::kInternal, "the stored record cannot be read"));
      }
    }
    // Where there is none, the write itself has the words.
    CheckFar(removal);
  });
}

}  // namespace

void Delete(const CallPtr& call) { Remove(call, Change::kDelete); }
void Undelete(const CallPtr& call) { Remove(call, Change::kUndelete); }
void Purge(const CallPtr& call) { Remove(call, Change::kPurge); }

}  // namespace storegate::service

// Update: sets the fields that update_mask names.
#include "server/service/update.h"

#include <algorithm>
#include <utility>

#include "server/base/text.h"
#include "server/repository/wire_sink.h"
#include "server/service/include.h"
#include "server/service/normalize.h"
#include "server/service/prepare.h"
#include "server/service/reasons.h"
#include "server/service/references.h"
#include "server/service/reflect.h"
#include "server/service/validate.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using repository::Change;
using repository::Mutation;
using repository::Write;
using schema::Field;

// A request up to this size is written as it is: fields so small cannot take a
// record far over its limit. Larger ones are added up with the rest of the row.
constexpr size_t kWriteDirectly = 16 << 10;

bool IsMasked(const Updating& updating, const Field* field) {
  const auto& whole = updating.mask.whole;
  return std::find(whole.begin(), whole.end(), field) != whole.end();
}

// Whether one statement can do both, update and insert: `insert` holds the same
// values for what the mask names, and nothing else in it can fail the update.
bool CanUpsert(const Updating& updating) {
  if (!updating.allow_missing || !updating.cannot_insert.ok()) return false;
  for (const Field* field : updating.mask.whole) {
    if (field->default_text && !IsSet(*updating.record, field->descriptor)) return false;
  }
  for (const Field* field : ReferenceFields(updating.call->entity())) {
    if (!IsMasked(updating, field) && IsSet(*updating.insert, field->descriptor)) return false;
  }
  return true;
}

Mutation UpdateMutation(const Updating& updating) {
  const CallPtr& call = updating.call;
  Mutation mutation;
  mutation.change = Change::kUpdate;
  mutation.entity = &call->entity();
  mutation.id = updating.id[0];
  mutation.record = updating.record;
  mutation.fields = FieldsToWrite(call->entity(), updating.mask.whole, *updating.record);
  mutation.expected_version = updating.version;
  mutation.new_version = NewVersion();
  mutation.now_millis = updating.now;
  for (const Field* field : ReferencesHere(*call->context, updating.mask.whole)) {
    if (IsSet(*updating.record, field->descriptor)) mutation.check_references.push_back(field);
  }
  if (CanUpsert(updating)) {
    mutation.change = Change::kUpsert;
    mutation.record = updating.insert;
  }
  return mutation;
}

void Submit(const UpdatingPtr& updating, Mutation mutation);

void Finish(const UpdatingPtr& updating, Change change, const Status& status) {
  const CallPtr& call = updating->call;
  if (status.ok()) return AnswerRecord(call, updating->selection, std::move(call->rows));
  call->rows.clear();
  if (change == Change::kUpdate && status.reason() == reason::kRecordNotFound) {
    Status may = MayInsert(*updating, status);
    if (!may.ok()) return call->Fail(may);
    return Submit(updating,
                  InsertMutation(*call->context, call->entity(), *updating->insert, updating->now));
  }
  // It came into being in between: then it is an update after all.
  if (change == Change::kInsert && status.reason() == reason::kRecordExists) {
    if (++updating->tries >= kMaxUpdateTries) return call->Fail(Contention(call->entity()));
    return Submit(updating, UpdateMutation(*updating));
  }
  call->Fail(status);
}

void Submit(const UpdatingPtr& updating, Mutation mutation) {
  const CallPtr& call = updating->call;
  const Change change = mutation.change;
  auto sink = std::make_shared<repository::WireSink>(&call->rows);
  sink->SetEntity(&call->entity());
  repository::WriteTask task;
  task.write = std::make_unique<Write>();
  task.write->mutations.push_back(std::move(mutation));
  task.write->sink = sink.get();
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.done = [updating, sink, change](const Status& status, std::unique_ptr<Write> write) {
    const bool failed = status.ok() && write->failed;
    Finish(updating, change, failed ? write->outcomes[*write->failed].status : status);
  };
  call->executor().Submit(std::move(task));
}

void WriteRecord(const UpdatingPtr& updating) {
  const CallPtr& call = updating->call;
  if (Expired(call->call.deadline)) return call->Fail(DeadlineExceeded());
  if (updating->mask.nested.empty() && updating->record->ByteSizeLong() <= kWriteDirectly) {
    return Submit(updating, UpdateMutation(*updating));
  }
  repository::SessionTask task;
  task.lane = repository::Lane::kWrite;
  task.what = call->entity().full_name + " update";
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.run = [updating](const Status& status, repository::Session* session) {
    const CallPtr& call = updating->call;
    if (!status.ok()) return call->Fail(status);
    std::string response;
    Status written = ReadChangeWrite(*updating, session, &response);
    if (!written.ok()) return call->Fail(written);
    AnswerRecord(call, updating->selection, std::move(response));
  };
  call->executor().Submit(std::move(task));
}

// References into other databases. Those that the mask names must hold; others
// matter only to an insert.
void CheckReferences(const UpdatingPtr& updating) {
  enum Item : size_t { kForUpdate, kForInsert };
  const CallPtr& call = updating->call;
  const std::string path = call->method().record->name();
  std::vector<FarReference> far;
  FindFarReferences(*call->context, updating->mask.whole, *updating->record, path, kForUpdate,
                    &far);
  if (updating->allow_missing && updating->cannot_insert.ok()) {
    std::vector<const Field*> others = ReferenceFields(call->entity());
    std::erase_if(others, [&](const Field* field) { return IsMasked(*updating, field); });
    FindFarReferences(*call->context, others, *updating->insert, path, kForInsert, &far);
  }
  std::vector<size_t> items;
  for (const FarReference& reference : far) items.push_back(reference.item);
  CheckFarReferences(*call->context, std::move(far), call->call,
                     [updating, items = std::move(items)](const std::vector<Status>& statuses) {
                       for (size_t i = 0; i < statuses.size(); ++i) {
                         if (statuses[i].ok()) continue;
                         if (items[i] == kForUpdate) return updating->call->Fail(statuses[i]);
                         updating->cannot_insert = statuses[i];
                       }
                       WriteRecord(updating);
                     });
}

void HashAll(const UpdatingPtr& updating) {
  const CallPtr& call = updating->call;
  std::vector<PasswordField> passwords;
  std::vector<const Field*> masked;
  for (const Field& field : call->entity().fields) {
    if (!field.password) continue;
    if (IsMasked(*updating, &field)) {
      masked.push_back(&field);
      if (IsSet(*updating->record, field.descriptor)) {
        passwords.push_back({updating->record, &field, 0});
      }
    } else if (updating->insert != nullptr && updating->cannot_insert.ok() &&
               IsSet(*updating->insert, field.descriptor)) {
      passwords.push_back({updating->insert, &field, 0});
    }
  }
  HashPasswords(&call->context->hasher, std::move(passwords), call->call.deadline,
                [updating, masked = std::move(masked)](const Status& status) {
                  if (!status.ok()) return updating->call->Fail(status);
                  for (const Field* field : masked) {
                    if (updating->insert == nullptr) break;
                    CopyField(*updating->record, field->descriptor, updating->insert);
                  }
                  CheckReferences(updating);
                });
}

// All that can be said of the request without looking at the database.
Status ReadRequest(Updating* updating) {
  const CallPtr& call = updating->call;
  const schema::Method& method = call->method();
  const schema::Entity& entity = call->entity();
  if (!IsSet(*call->request, method.record)) {
    return Invalid(method.record->name(), "required, but not set");
  }
  updating->record = MutableMessageAt(call->request, method.record);
  updating->now = NowMillis();
  updating->allow_missing = GetBool(*call->request, method.allow_missing);
  Message* record = updating->record;
  const Path root, path(root, method.record->name());

  Result<Selection> selection = ReadSelection(method, *call->request);
  if (!selection.ok()) return selection.status();
  updating->selection = std::make_shared<Selection>(*std::move(selection));
  Result<Mask> mask =
      ParseMask(MaskPaths(*call->request, method.update_mask), method.update_mask->name(), entity, *record);
  if (!mask.ok()) return mask.status();
  updating->mask = *std::move(mask);
  if (entity.etag != nullptr) {
    Result<std::optional<int64_t>> version =
        ReadEtag(GetString(*record, entity.etag->descriptor),
                 Path(path, entity.etag->name).ToString());
    if (!version.ok()) return version.status();
    updating->version = *version;
  }

  Violations violations;
  const Path id_path(path, entity.id->name);
  if (!IsSet(*record, entity.id->descriptor)) {
    violations.Add(id_path, "required: it says which record to update");
  } else {
    Result<Value> id = query::ReadValue(*record, entity.id->descriptor);
    if (!id.ok()) return id.status();
    CheckKeyValue(*entity.id, id_path, &*id, &violations);
    updating->id.push_back(*std::move(id));
  }
  if (updating->allow_missing) {
    updating->insert = record->New(&call->arena);
    updating->insert->CopyFrom(*record);
    Violations of_insert;
    PrepareInsert(*call->context, entity, path, /*keep_times=*/false, updating->now,
                  updating->insert, &of_insert);
    updating->cannot_insert = of_insert.ToStatus();
  }
  for (const Field* field : updating->mask.whole) {
    NormalizeField(record, *field);
    ValidateEntityField(*record, *field, path, &violations);
  }
  if (entity.update_time != nullptr) {
    SetTimestamp(record, entity.update_time->descriptor, updating->now);
  }
  return violations.ToStatus();
}

}  // namespace

std::vector<const Field*> FieldsToWrite(const schema::Entity& entity,
                                        const std::vector<const Field*>& changed,
                                        const Message& record) {
  std::vector<bool> in(entity.fields.size());
  for (const Field* field : changed) {
    in[static_cast<size_t>(field->index)] = true;
    const auto* oneof = field->descriptor->real_containing_oneof();
    if (oneof == nullptr || !IsSet(record, field->descriptor)) continue;
    for (int i = 0; i < oneof->field_count(); ++i) {
      const Field* member = entity.Find(oneof->field(i)->name());
      if (member != nullptr) in[static_cast<size_t>(member->index)] = true;
    }
  }
  if (entity.update_time != nullptr) in[static_cast<size_t>(entity.update_time->index)] = true;
  std::vector<const Field*> out;
  for (const Field& field : entity.fields) {
    if (in[static_cast<size_t>(field.index)]) out.push_back(&field);
  }
  return out;
}

Status MayInsert(const Updating& updating, const Status& not_found) {
  if (!updating.allow_missing) return not_found;
  if (updating.version) {
    return Status(Code::kAborted, reason::kEtagMismatch,
                  updating.call->entity().name +
                      " does not exist any more: an update with an etag never creates it");
  }
  return updating.cannot_insert;
}

Status Contention(const schema::Entity& entity) {
  Status status(Code::kAborted, reason::kContention,
                entity.name + " changed under each of " + std::to_string(kMaxUpdateTries) +
                    " tries to update it; try again");
  status.WithRetryDelay(std::chrono::milliseconds(50));
  return status;
}

void Update(const CallPtr& call) {
  if (Status status = call->Parse(/*write=*/true); !status.ok()) return call->Fail(status);
  auto updating = std::make_shared<Updating>();
  updating->call = call;
  if (Status status = ReadRequest(updating.get()); !status.ok()) return call->Fail(status);
  HashAll(updating);
}

}  // namespace storegate::service

#include <algorithm>
#include <utility>

#include "server/base/text.h"
#include "server/repository/row_status.h"
#include "server/repository/wire_sink.h"
#include "server/service/normalize.h"
#include "server/service/prepare.h"
#include "server/service/reasons.h"
#include "server/service/references.h"
#include "server/service/reflect.h"
#include "server/service/update.h"
#include "server/service/validate.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using repository::Mutation;
using repository::Session;
using repository::Write;
using schema::Field;

// The row's bytes, and its version whether the entity has an etag or not.
class VersionSink : public repository::WireSink {
 public:
  explicit VersionSink(std::string* out) : WireSink(out, 0, /*with_secrets=*/true) {}

  void Version(int64_t version) override {
    version_ = version;
    WireSink::Version(version);
  }
  int64_t version() const { return version_; }

 private:
  int64_t version_ = 0;
};

struct Row {
  repository::Found found;
  std::string bytes;
  int64_t version = 0;
};

Status Read(const Updating& updating, Session* session, Row* row) {
  const schema::Entity& entity = updating.call->entity();
  repository::GetRequest request;
  request.entity = &entity;
  request.key = &entity.keys[0];
  request.values = {updating.id};
  request.with_secrets = true;
  VersionSink sink(&row->bytes);
  sink.SetEntity(&entity);
  std::vector<repository::Found> found;
  Status status = session->Get(request, &sink, &found);
  if (!status.ok()) return status;
  if (!found.empty()) row->found = found[0];
  row->version = sink.version();
  return {};
}

// One write of one mutation; its own status.
Status Apply(const Updating& updating, Session* session, Mutation mutation,
             std::string* response) {
  response->clear();
  repository::WireSink sink(response);
  sink.SetEntity(&updating.call->entity());
  Write write;
  write.mutations.push_back(std::move(mutation));
  write.sink = &sink;
  Write* const writes[] = {&write};
  Status status = session->Apply(writes);
  if (status.ok() && write.failed) return write.outcomes[*write.failed].status;
  return status;
}

// Makes `record`, the row, what it is to be, and says which fields changed. Only
// those are checked: what another program left elsewhere is not this caller's.
Status Change(const Updating& updating, Message* record, std::vector<const Field*>* changed) {
  const CallPtr& call = updating.call;
  const Path root, path(root, call->method().record->name());
  Violations violations;
  for (const MaskPath& nested : updating.mask.nested) {
    ApplyMaskPath(nested, *updating.record, record);
    if (std::find(changed->begin(), changed->end(), nested.field) == changed->end()) {
      changed->push_back(nested.field);
    }
  }
  for (const Field* field : *changed) {
    NormalizeField(record, *field);
    ValidateEntityField(*record, *field, path, &violations);
  }
  for (const Field* field : updating.mask.whole) {
    CopyField(*updating.record, field->descriptor, record);
    changed->push_back(field);
  }
  if (const Field* field = call->entity().update_time; field != nullptr) {
    SetTimestamp(record, field->descriptor, updating.now);
  }
  CheckRecordSize(*call->context, *record, path, &violations);
  return violations.ToStatus();
}

Status ChangeRow(const Updating& updating, const Row& row, Session* session,
                 std::string* response) {
  const CallPtr& call = updating.call;
  google::protobuf::Arena arena;
  Message* record = updating.record->New(&arena);
  if (!record->ParseFromString(row.bytes)) {
    return Status(Code::kInternal, reason::kInternal, "the stored record cannot be read");
  }
  std::vector<const Field*> changed;
  Status status = Change(updating, record, &changed);
  if (!status.ok()) return status;
  Mutation mutation;
  mutation.change = repository::Change::kUpdate;
  mutation.entity = &call->entity();
  mutation.id = updating.id[0];
  mutation.record = record;
  mutation.fields = FieldsToWrite(call->entity(), changed, *record);
  mutation.expected_version = row.version;
  mutation.new_version = NewVersion();
  mutation.now_millis = updating.now;
  for (const Field* field : ReferencesHere(*call->context, updating.mask.whole)) {
    if (IsSet(*record, field->descriptor)) mutation.check_references.push_back(field);
  }
  return Apply(updating, session, std::move(mutation), response);
}

}  // namespace

Status ReadChangeWrite(const Updating& updating, Session* session, std::string* response) {
  const CallPtr& call = updating.call;
  const schema::Entity& entity = call->entity();
  const schema::Key& key = entity.keys[0];
  for (int i = 0; i < kMaxUpdateTries; ++i) {
    if (Expired(call->call.deadline)) return DeadlineExceeded();
    Row row;
    Status status = Read(updating, session, &row);
    if (!status.ok()) return status;
    if (row.found.deleted) return RecordDeleted(entity, key, updating.id);
    if (!row.found.found) {
      status = MayInsert(updating, RecordNotFound(entity, key, updating.id));
      if (!status.ok()) return status;
      status = Apply(updating, session,
                     InsertMutation(*call->context, entity, *updating.insert, updating.now),
                     response);
      if (status.reason() == reason::kRecordExists) continue;
      return status;
    }
    if (updating.version && *updating.version != row.version) {
      return repository::EtagMismatch(entity, updating.id[0]);
    }
    status = ChangeRow(updating, row, session, response);
    if (status.reason() == reason::kEtagMismatch && !updating.version) continue;
    return status;
  }
  return Contention(entity);
}

}  // namespace storegate::service

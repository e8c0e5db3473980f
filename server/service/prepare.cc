#include "server/service/prepare.h"

#include <string>

#include <re2/re2.h>

#include "server/base/text.h"
#include "server/service/normalize.h"
#include "server/service/reasons.h"
#include "server/service/references.h"
#include "server/service/reflect.h"
#include "server/service/validate.h"

namespace storegate::service {
namespace {

// An id for a record that has none, where one that is made up keeps the field's
// own rules; int64 ids are counted by the database.
void GiveId(const schema::Field& id, Message* record) {
  if (id.type != schema::Type::kString || id.required) return;
  if (IsSet(*record, id.descriptor)) return;
  std::string made = id.format == schema::Format::kObjectId ? NewObjectId() : NewUuidV7();
  if (id.max_len > 0 && made.size() > static_cast<size_t>(id.max_len)) return;
  if (id.pattern != nullptr && !re2::RE2::FullMatch(made, *id.pattern)) return;
  SetTextAt(record, id.descriptor, kSingular, std::move(made));
}

}  // namespace

void CheckRecordSize(const Context& context, const Message& record, const Path& path,
                     Violations* violations) {
  const size_t limit = context.options.max_record_bytes;
  const size_t size = record.ByteSizeLong();
  if (size <= limit) return;
  violations->Add(path,
                  "the record is " + std::to_string(size) + " bytes; at most " +
                      std::to_string(limit) + " are kept",
                  reason::kRecordTooLarge);
}

void PrepareInsert(const Context& context, const schema::Entity& entity, const Path& path,
                   bool keep_times, int64_t now_millis, Message* record, Violations* violations) {
  ClearNotWritten(record, entity, keep_times);
  ApplyDefaults(record, entity);
  GiveId(*entity.id, record);
  for (const schema::Field& field : entity.fields) {
    if (!field.stored() || field.role == schema::Role::kEtag) continue;
    // What the gateway or another program sets is not the caller's to get right.
    if (field.output_only && !IsSet(*record, field.descriptor)) continue;
    NormalizeField(record, field);
    ValidateEntityField(*record, field, path, violations);
    if (field.role == schema::Role::kId && field.type == schema::Type::kString &&
        !IsSet(*record, field.descriptor) && !field.required) {
      violations->Add(Path(path, field.name), "required: an id that is made up would not fit");
    }
  }
  if (const schema::Field* field = entity.create_time; field != nullptr) {
    if (!IsSet(*record, field->descriptor)) SetTimestamp(record, field->descriptor, now_millis);
  }
  if (const schema::Field* field = entity.update_time; field != nullptr) {
    if (!IsSet(*record, field->descriptor)) SetTimestamp(record, field->descriptor, now_millis);
  }
  CheckRecordSize(context, *record, path, violations);
}

repository::Mutation InsertMutation(const Context& context, const schema::Entity& entity,
                                    const Message& record, int64_t now_millis) {
  repository::Mutation mutation;
  mutation.change = repository::Change::kInsert;
  mutation.entity = &entity;
  if (IsSet(record, entity.id->descriptor)) {
    Result<Value> id = query::ReadValue(record, entity.id->descriptor);
    if (id.ok()) mutation.id = *std::move(id);
  }
  mutation.record = &record;
  mutation.new_version = NewVersion();
  mutation.now_millis = now_millis;
  for (const schema::Field* field : ReferencesHere(context, ReferenceFields(entity))) {
    if (IsSet(record, field->descriptor)) mutation.check_references.push_back(field);
  }
  return mutation;
}

}  // namespace storegate::service

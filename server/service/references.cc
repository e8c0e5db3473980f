#include "server/service/references.h"

#include <atomic>
#include <memory>
#include <utility>

#include "server/repository/row_status.h"
#include "server/repository/wire_sink.h"
#include "server/service/reflect.h"
#include "server/service/validate.h"

namespace storegate::service {
namespace {

using repository::Executor;
using repository::Found;
using repository::Session;

bool SameDatabase(const Context& context, const schema::Entity* a, const schema::Entity* b) {
  return context.ExecutorOf(a) == context.ExecutorOf(b);
}

// Calls `done` with all statuses when the last one is in.
struct Countdown {
  std::vector<Status> statuses;
  std::atomic<size_t> left;
  std::function<void(const std::vector<Status>&)> done;

  void Set(size_t index, Status status) {
    statuses[index] = std::move(status);
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) done(statuses);
  }
};

}  // namespace

const schema::Key* KeyOf(const schema::Field* field) {
  for (const schema::Key& key : field->entity->keys) {
    if (key.fields.size() == 1 && key.fields[0] == field) return &key;
  }
  return nullptr;
}

std::vector<const schema::Field*> ReferenceFields(const schema::Entity& entity) {
  std::vector<const schema::Field*> out;
  for (const schema::Field& field : entity.fields) {
    if (field.references && field.stored()) out.push_back(&field);
  }
  return out;
}

std::vector<const schema::Field*> ReferencesHere(const Context& context,
                                                 const std::vector<const schema::Field*>& fields) {
  std::vector<const schema::Field*> out;
  for (const schema::Field* field : fields) {
    if (field->references && SameDatabase(context, field->entity, field->references->entity)) {
      out.push_back(field);
    }
  }
  return out;
}

void FindFarReferences(const Context& context, const std::vector<const schema::Field*>& fields,
                       const Message& record, const std::string& path, size_t item,
                       std::vector<FarReference>* out) {
  for (const schema::Field* field : fields) {
    if (!field->references || !IsSet(record, field->descriptor)) continue;
    if (SameDatabase(context, field->entity, field->references->entity)) continue;
    Result<Value> value = query::ReadValue(record, field->descriptor);
    if (!value.ok() || IsNull(*value)) continue;
    out->push_back({field, *std::move(value), path.empty() ? field->name : path + "." + field->name,
                    item});
  }
}

void CheckFarReferences(const Context& context, std::vector<FarReference> references,
                        const Call& call,
                        std::function<void(const std::vector<Status>&)> done) {
  if (references.empty()) return done({});
  auto all = std::make_shared<Countdown>();
  all->statuses.resize(references.size());
  all->left = references.size();
  all->done = std::move(done);
  Executor::Gather gather;
  for (size_t i = 0; i < references.size(); ++i) {
    const schema::Field* field = references[i].field;
    const schema::Entity* target = field->references->entity;
    Executor* executor = context.ExecutorOf(target);
    const schema::Key* key = KeyOf(field->references->field);
    // What no record can have for a key need not be looked up.
    Violations impossible;
    CheckKeyValue(*field->references->field, Path(), &references[i].value, &impossible);
    if (executor == nullptr || key == nullptr || !impossible.empty()) {
      all->Set(i, repository::ReferenceNotFound(*field));
      continue;
    }
    repository::PointRead read;
    read.entity = target;
    read.key = key;
    read.values = {std::move(references[i].value)};
    read.deadline = call.deadline;
    read.method = call.method;
    read.settled = call.settled;
    read.done = [all, i, field](const Status& status, Found found, std::string_view) {
      if (!status.ok()) return all->Set(i, status);
      all->Set(i, found.found && !found.deleted ? Status() : repository::ReferenceNotFound(*field));
    };
    executor->Submit(std::move(read));
  }
}

std::vector<const schema::Field*> ReferrersHere(const Context& context,
                                                const schema::Entity& entity) {
  std::vector<const schema::Field*> out;
  for (const schema::Field* field : entity.referrers) {
    if (SameDatabase(context, field->entity, &entity)) out.push_back(field);
  }
  return out;
}

std::vector<const schema::Field*> ReferrersFar(const Context& context,
                                               const schema::Entity& entity) {
  std::vector<const schema::Field*> out;
  for (const schema::Field* field : entity.referrers) {
    // Without a route nobody serves it: nothing can refer from there.
    if (context.ExecutorOf(field->entity) == nullptr) continue;
    if (!SameDatabase(context, field->entity, &entity)) out.push_back(field);
  }
  return out;
}

void CheckFarReferrers(const Context& context, std::vector<FarReferrer> referrers,
                       bool also_deleted, const Call& call,
                       std::function<void(const Status&)> done) {
  if (referrers.empty()) return done({});
  auto all = std::make_shared<Countdown>();
  all->statuses.resize(referrers.size());
  all->left = referrers.size();
  all->done = [done = std::move(done)](const std::vector<Status>& statuses) {
    for (const Status& status : statuses) {
      if (!status.ok()) return done(status);
    }
    done({});
  };
  Executor::Gather gather;
  for (size_t i = 0; i < referrers.size(); ++i) {
    const schema::Field* field = referrers[i].field;
    auto query = std::make_shared<repository::Query>();
    query->entity = field->entity;
    query->where = query::Predicate::Equals(field, std::move(referrers[i].value));
    query->show_deleted = also_deleted;
    query->order = {{field->entity->id, false}};
    query->limit = 1;
    query->deadline = call.deadline;
    repository::SessionTask task;
    task.lane = repository::Lane::kScan;
    task.what = field->entity->full_name + " referrers";
    task.deadline = call.deadline;
    task.method = call.method;
    task.settled = call.settled;
    task.run = [all, i, field, query](const Status& status, Session* session) {
      if (!status.ok()) return all->Set(i, status);
      std::string row;
      repository::WireSink sink(&row);
      sink.SetEntity(field->entity);
      Status listed = session->List(*query, &sink);
      if (listed.ok() && sink.rows() > 0) {
        listed = repository::RecordReferenced(*field->references->entity, Value(), *field);
      }
      all->Set(i, std::move(listed));
    };
    context.ExecutorOf(field->entity)->Submit(std::move(task));
  }
}

}  // namespace storegate::service

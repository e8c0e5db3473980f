#include "tests/differential/generator.h"

#include <algorithm>
#include <set>

#include "tests/differential/symbols.h"
#include "tests/support/valid.h"

namespace storegate::test {

using schema::Entity;
using schema::Field;
using schema::Method;
using Kind = schema::Operation;

Generator::Generator(const NamedSchema& schema, uint64_t seed, const Common& common)
    : schema_(schema), common_(common), values_(seed) {
  std::vector<const Entity*> served;
  for (const Entity& entity : schema.schema->entities) {
    if (Served(*schema.schema, entity)) served.push_back(&entity);
  }
  ListParentsFirst(*random().Pick(served), &entities_);
}

void Generator::ListParentsFirst(const Entity& entity, std::vector<const Entity*>* all) {
  if (std::find(all->begin(), all->end(), &entity) != all->end()) return;
  const size_t before = all->size();
  for (const Field& field : entity.fields) {
    if (!field.references || field.references->entity == &entity) continue;
    if (Served(*schema_.schema, *field.references->entity)) {
      ListParentsFirst(*field.references->entity, all);
    }
  }
  if (all->size() < before + 8) all->push_back(&entity);
}

const Entity& Generator::PickEntity() {
  return random().Chance(70) ? *entities_.back() : *random().Pick(entities_);
}

void Generator::Add(const Method* method, MessagePtr request, bool to_the_end) {
  sequence_.emplace_back(static_cast<int>(sequence_.size()), method, std::move(request),
                         to_the_end);
}

Sequence Generator::Make(int operations) {
  for (const Entity* entity : entities_) {
    for (int i = 0; i < 3; ++i) Step(*entity, Kind::kCreate);
  }
  while (static_cast<int>(sequence_.size() + entities_.size()) < operations) {
    const int64_t dice = Dice(1, 100);
    Step(PickEntity(), dice <= 20   ? Kind::kCreate
                       : dice <= 28 ? Kind::kBatchCreate
                       : dice <= 37 ? Kind::kGet
                       : dice <= 42 ? Kind::kBatchGet
                       : dice <= 61 ? Kind::kList
                       : dice <= 80 ? Kind::kUpdate
                       : dice <= 90 ? Kind::kDelete
                       : dice <= 95 ? Kind::kUndelete
                       : dice <= 98 ? Kind::kPurge
                                    : Kind::kVerifyPassword);
  }
  for (const Entity* entity : entities_) {
    if (const Method* list = Find(*entity, Kind::kList)) ListAll(*list);
  }
  return std::move(sequence_);
}

bool Generator::Step(const Entity& entity, Kind operation) {
  const Method* method = Find(entity, operation);
  if (method == nullptr) return false;
  switch (operation) {
    case Kind::kCreate:
      Add(method, Create(*method));
      break;
    case Kind::kBatchCreate:
      Add(method, BatchCreate(*method));
      break;
    case Kind::kGet:
    case Kind::kVerifyPassword:
      Add(method, ByKey(*method));
      break;
    case Kind::kBatchGet:
      Add(method, BatchGet(*method));
      break;
    case Kind::kList:
      List(*method);
      break;
    case Kind::kUpdate:
      Add(method, Update(*method));
      break;
    case Kind::kDelete:
    case Kind::kUndelete:
    case Kind::kPurge:
      Add(method, ById(*method));
      break;
  }
  return true;
}

Value Generator::IdFor(const Entity& entity) {
  const std::vector<Value>& given = sent_[&entity].given;
  if (!given.empty() && random().Chance(20)) return random().Pick(given);
  return values_.Id(entity);
}

std::string Generator::EtagFor() {
  const int64_t dice = Dice(1, 100);
  if (dice <= 40) return "";
  if (dice <= 75) return std::string(kEtagNow);
  if (dice <= 97) return std::string(kEtagBefore);
  return "no etag";
}

Value Generator::ValueFor(const Field& field) {
  if (field.role == schema::Role::kId) return IdFor(*field.entity);
  if (!field.references) return values_.For(field);
  // What was sent for the record that is referred to, which may be there.
  const std::vector<MessagePtr>& parents = sent_[field.references->entity].records;
  const std::vector<Value>& given = sent_[field.references->entity].given;
  if (field.references->field->role == schema::Role::kId && !given.empty() &&
      random().Chance(20)) {
    return random().Pick(given);
  }
  if (parents.empty() || random().Chance(5)) return values_.For(*field.references->field);
  const Message& parent = *random().Pick(parents);
  return GetValue(parent, *field.references->field);
}

MessagePtr Generator::Record(const Entity& entity) {
  MessagePtr record = NewRecord(entity);
  for (const Field& field : entity.fields) {
    const bool mine = Writable(field);
    if (!mine && (field.role == schema::Role::kId || field.role == schema::Role::kEtag ||
                  !field.stored() || !random().Chance(1))) {
      continue;
    }
    const bool needed = MustBeSet(field.descriptor);
    if (random().Chance(needed ? 1 : 40)) continue;
    if (field.references) {
      SetValue(record.get(), field, ValueFor(field));
    } else {
      values_.Fill(record.get(), field.descriptor, 0);
    }
  }
  return record;
}

MessagePtr Generator::Create(const Method& method) {
  const Entity& entity = *method.entity;
  MessagePtr record = Record(entity);
  if (random().Chance(85) || !values_.MayLackId(entity)) {
    SetValue(record.get(), *entity.id, IdFor(entity));
  } else {
    sent_[&entity].given.push_back(GivenId(entity, static_cast<int>(sequence_.size()), 0));
  }
  MessagePtr request(method.request->New());
  request->GetReflection()->MutableMessage(request.get(), method.record)->CopyFrom(*record);
  sent_[&entity].records.push_back(std::move(record));
  return request;
}

MessagePtr Generator::BatchCreate(const Method& method) {
  const Entity& entity = *method.entity;
  MessagePtr request(method.request->New());
  const bool partial = method.allow_partial != nullptr &&
                       (!common_.transactions || random().Chance(40));
  if (partial) SetValue(request.get(), method.allow_partial, true);
  const int64_t most = partial || common_.transactions ? 5 : 1;
  const int64_t count = Dice(random().Chance(5) ? 0 : 1, most);
  for (int64_t i = 0; i < count; ++i) {
    MessagePtr record = Record(entity);
    if (random().Chance(85) || !values_.MayLackId(entity)) {
      SetValue(record.get(), *entity.id, IdFor(entity));
    } else {
      sent_[&entity].given.push_back(
          GivenId(entity, static_cast<int>(sequence_.size()), static_cast<int>(i)));
    }
    Message* item = request->GetReflection()->AddMessage(request.get(), method.requests);
    item->GetReflection()->MutableMessage(item, method.item_record)->CopyFrom(*record);
    sent_[&entity].records.push_back(std::move(record));
  }
  return request;
}

MessagePtr Generator::ByKey(const Method& method) {
  MessagePtr request(method.request->New());
  for (int64_t keys = random().Chance(96) ? 1 : Dice(0, 2); keys > 0; --keys) {
    const Method::RequestKey& key = random().Pick(method.keys);
    // Of a record that was sent, or of none.
    const std::vector<MessagePtr>& records = sent_[method.entity].records;
    const Message* like = !records.empty() && random().Chance(80)
                              ? random().Pick(records).get()
                              : nullptr;
    for (size_t i = 0; i < key.fields.size(); ++i) {
      const Field& field = *key.key->fields[i];
      const Value value = like != nullptr && field.role != schema::Role::kId
                              ? GetValue(*like, field)
                              : ValueFor(field);
      SetValue(request.get(), key.fields[i], value);
    }
  }
  if (method.show_deleted != nullptr && random().Chance(40)) {
    SetValue(request.get(), method.show_deleted, true);
  }
  if (method.password != nullptr) {
    SetValue(request.get(), method.password, values_.Text());
    for (const Field& field : method.entity->fields) {
      if (field.password) SetValue(request.get(), method.password, ValueFor(field));
    }
  }
  return request;
}

MessagePtr Generator::BatchGet(const Method& method) {
  MessagePtr request(method.request->New());
  for (int64_t i = Dice(0, 8); i > 0; --i) {
    SetValue(request.get(), method.ids, IdFor(*method.entity));
  }
  if (method.show_deleted != nullptr && random().Chance(40)) {
    SetValue(request.get(), method.show_deleted, true);
  }
  return request;
}

MessagePtr Generator::Update(const Method& method) {
  const Entity& entity = *method.entity;
  MessagePtr record = Record(entity);
  SetValue(record.get(), *entity.id, IdFor(entity));
  if (entity.etag != nullptr) SetValue(record.get(), *entity.etag, EtagFor());
  std::vector<std::string> paths;
  const int64_t dice = Dice(1, 100);
  if (dice <= 12) {
    paths = {"*"};
  } else if (dice > 98) {
    paths = random().Pick<std::vector<std::string>>({{}, {"nothing"}, {"*", "id"}, {"a..b"}});
  } else {
    for (int64_t i = Dice(1, 4); i > 0; --i) {
      const auto last = static_cast<int64_t>(entity.fields.size()) - 1;
      const Field& field = entity.fields[static_cast<size_t>(Dice(0, last))];
      if ((!Writable(field) || field.immutable) && !random().Chance(2)) continue;
      paths.push_back(MaskPath(field));
    }
    if (paths.empty()) paths = {"*"};
  }
  MessagePtr request(method.request->New());
  const google::protobuf::Reflection* reflection = request->GetReflection();
  Message* mask = reflection->MutableMessage(request.get(), method.update_mask);
  for (const std::string& path : paths) {
    SetValue(mask, mask->GetDescriptor()->FindFieldByNumber(1), path);
  }
  if (method.allow_missing != nullptr && random().Chance(20)) {
    SetValue(request.get(), method.allow_missing, true);
  }
  reflection->MutableMessage(request.get(), method.record)->CopyFrom(*record);
  return request;
}

MessagePtr Generator::ById(const Method& method) {
  MessagePtr request(method.request->New());
  SetValue(request.get(), method.id, IdFor(*method.entity));
  if (method.allow_missing != nullptr && random().Chance(20)) {
    SetValue(request.get(), method.allow_missing, true);
  }
  if (method.etag != nullptr) SetValue(request.get(), method.etag, EtagFor());
  return request;
}

}  // namespace storegate::test

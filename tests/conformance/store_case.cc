#include "tests/conformance/store_case.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace storegate::test {
namespace {

using schema::Entity;
using schema::Field;
using schema::Operation;
using schema::Schema;

template <typename Has>
bool AnyFieldOf(const Entity& entity, Has has) {
  return std::any_of(entity.fields.begin(), entity.fields.end(), has);
}

}  // namespace

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.backend->name << " " << c.entity->full_name;
}

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return info.param.backend->name + "_" + info.param.schema->name + "_" + info.param.entity->name;
}

std::vector<Case> Cases(Feature has) {
  std::vector<Case> cases;
  for (const BackendUnderTest& backend : Backends()) {
    for (const NamedSchema& schema : Schemas()) {
      for (const Entity& entity : schema.schema->entities) {
        if (!Served(*schema.schema, entity) || !has(*schema.schema, entity)) continue;
        cases.push_back({&backend, &schema, &entity});
      }
    }
  }
  return cases;
}

bool Any(const Schema&, const Entity&) { return true; }
bool HasSoftDelete(const Schema&, const Entity& entity) { return entity.soft_delete(); }
bool HasHardDelete(const Schema&, const Entity& entity) { return !entity.soft_delete(); }
bool HasEtag(const Schema&, const Entity& entity) { return entity.etag != nullptr; }
bool HasTextId(const Schema&, const Entity& entity) {
  return entity.id->type == schema::Type::kString;
}
bool HasFreeTextId(const Schema& schema, const Entity& entity) {
  return HasTextId(schema, entity) && entity.id->format == schema::Format::kNone &&
         entity.id->pattern == nullptr;
}
bool HasUuidId(const Schema&, const Entity& entity) {
  return entity.id->format == schema::Format::kUuid;
}
bool HasObjectId(const Schema&, const Entity& entity) {
  return entity.id->format == schema::Format::kObjectId;
}
bool HasCountedId(const Schema&, const Entity& entity) {
  return entity.id->type == schema::Type::kInt64;
}
bool HasUnique(const Schema&, const Entity& entity) {
  return std::any_of(
      entity.indexes.begin(), entity.indexes.end(),
      [](const schema::Index& index) { return index.unique != schema::Unique::kNo; });
}
bool HasSecondKey(const Schema& schema, const Entity& entity) {
  return FindMethod(schema, entity, Operation::kGet)->keys.size() > 1;
}
bool HasReference(const Schema&, const Entity& entity) {
  return AnyFieldOf(entity, [](const Field& field) { return field.references.has_value(); });
}
bool HasSelfReference(const Schema&, const Entity& entity) {
  return AnyFieldOf(entity, [&](const Field& field) {
    return field.references && field.references->entity == &entity;
  });
}
bool HasSearch(const Schema& schema, const Entity& entity) {
  const schema::Method* list = FindMethod(schema, entity, Operation::kList);
  return !entity.searchable.empty() && list != nullptr && list->search != nullptr;
}
bool HasPredicates(const Schema& schema, const Entity& entity) {
  const schema::Method* list = FindMethod(schema, entity, Operation::kList);
  return list != nullptr && !list->predicates.empty();
}
bool HasMap(const Schema&, const Entity& entity) {
  return AnyFieldOf(entity, [](const Field& field) {
    return field.presence == schema::Presence::kMap && Writable(field);
  });
}
bool HasStruct(const Schema&, const Entity& entity) {
  return AnyFieldOf(entity, [](const Field& field) {
    return field.type == schema::Type::kStruct && field.presence == schema::Presence::kOptional &&
           Writable(field);
  });
}
bool HasLowerCase(const Schema&, const Entity& entity) {
  return AnyFieldOf(entity, [](const Field& field) { return field.lower_case; });
}
bool HasDefault(const Schema&, const Entity& entity) {
  return AnyFieldOf(entity, [](const Field& field) { return field.default_text.has_value(); });
}
bool HasNullableSort(const Schema&, const Entity& entity) {
  return AnyFieldOf(entity, [](const Field& field) {
    return field.sortable() && field.nullable() && Writable(field) && !field.input_only;
  });
}
bool HasPassword(const Schema& schema, const Entity& entity) {
  return FindMethod(schema, entity, Operation::kVerifyPassword) != nullptr;
}
bool HasStream(const Schema& schema, const Entity& entity) {
  return FindMethod(schema, entity, Operation::kStream) != nullptr;
}
bool HasEtagAndSoftDelete(const Schema& schema, const Entity& entity) {
  return HasEtag(schema, entity) && HasSoftDelete(schema, entity);
}

void StoreCase::SetUp() { Fresh(); }

void StoreCase::Fresh(GatewayOptions options) {
  make_.reset();
  store_.reset();
  gateway_.reset();
  gateway_ = std::make_unique<Gateway>(*GetParam().backend, *GetParam().schema, std::move(options));
  store_ = std::make_unique<StoreClient>(gateway_.get(), GetParam().entity);
  make_ = std::make_unique<RecordFactory>(gateway_.get(), Seed(1));
}

const Field& StoreCase::AnyField() const {
  for (const Field& field : entity().fields) {
    if (Writable(field) && !field.immutable && !field.input_only && !field.references &&
        field.type == schema::Type::kString && field.unique == schema::Unique::kNo &&
        field.presence == schema::Presence::kPlain) {
      return field;
    }
  }
  for (const Field& field : entity().fields) {
    if (Writable(field) && !field.immutable && !field.input_only && !field.references) return field;
  }
  std::fprintf(stderr, "nothing in %s can be changed\n", entity().full_name.c_str());
  std::abort();
}

void StoreCase::Change(Message* record, const Field& field) {
  const std::string before = record->SerializeAsString();
  for (int tries = 0; tries < 100; ++tries) {
    make().Fill(record, field.descriptor, 0, /*distinct=*/true);
    if (record->SerializeAsString() != before) return;
  }
  ADD_FAILURE() << "no other value found for " << field.name;
}

void StoreCase::ExpectRoundTrip(const std::vector<MessagePtr>& records) {
  for (size_t start = 0; start < records.size(); start += 100) {
    const size_t end = std::min(records.size(), start + 100);
    std::vector<const Message*> sent;
    for (size_t i = start; i < end; ++i) sent.push_back(records[i].get());
    Reply reply = store().CreateMany(sent);
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    std::vector<const Message*> created = store().Records(reply, Operation::kBatchCreate);
    ASSERT_EQ(created.size(), sent.size());
    std::vector<Value> ids;
    for (size_t i = 0; i < sent.size(); ++i) {
      ids.push_back(Id(*created[i]));
      EXPECT_TRUE(SameData(*created[i], *Stored(*sent[i], entity()), entity()))
          << "sent:\n" << sent[i]->ShortDebugString();
    }
    Reply again = store().BatchGet(ids);
    ASSERT_TRUE(HasStatus(again.status, Code::kOk));
    std::vector<const Message*> read = store().Records(again, Operation::kBatchGet);
    ASSERT_EQ(read.size(), created.size());
    for (size_t i = 0; i < read.size(); ++i) EXPECT_TRUE(SameRecord(*read[i], *created[i]));
  }
}

MessagePtr StoreCase::Read(const Value& id, bool show_deleted) {
  Reply reply = store().Get(id, show_deleted);
  EXPECT_TRUE(HasStatus(reply.status, Code::kOk)) << ToText(id);
  return reply.ok() ? std::move(reply.response) : NewRecord(entity());
}

}  // namespace storegate::test

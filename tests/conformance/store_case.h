// The suite. A case is one backend, one schema, one entity of it; a theme is a
// fixture derived from StoreCase, run over all entities that have what it is
// about. A theme that no entity has fails: gtest says so, and tests/conformance
// has no test that skips.
//
//   class UniqueCase : public StoreCase {};
//   STOREGATE_CASES(UniqueCase, HasUnique);
//   TEST_P(UniqueCase, …) { … }
//
// A backend joins with one file: sqlite_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/backend_under_test.h"
#include "tests/support/counts.h"
#include "tests/support/expected.h"
#include "tests/support/record_factory.h"
#include "tests/support/schemas.h"
#include "tests/support/store_client.h"

namespace storegate::test {

struct Case {
  const BackendUnderTest* backend;
  const NamedSchema* schema;
  const schema::Entity* entity;
};
void PrintTo(const Case& c, std::ostream* out);
// "sqlite_org_Member"
std::string CaseName(const testing::TestParamInfo<Case>& info);

using Feature = bool (*)(const schema::Schema&, const schema::Entity&);
std::vector<Case> Cases(Feature has);

// Features.
bool Any(const schema::Schema& schema, const schema::Entity& entity);
bool HasSoftDelete(const schema::Schema& schema, const schema::Entity& entity);
bool HasHardDelete(const schema::Schema& schema, const schema::Entity& entity);
bool HasEtag(const schema::Schema& schema, const schema::Entity& entity);
bool HasTextId(const schema::Schema& schema, const schema::Entity& entity);
bool HasFreeTextId(const schema::Schema& schema, const schema::Entity& entity);
bool HasObjectId(const schema::Schema&, const schema::Entity& entity);
bool HasUuidId(const schema::Schema& schema, const schema::Entity& entity);
bool HasCountedId(const schema::Schema& schema, const schema::Entity& entity);
bool HasUnique(const schema::Schema& schema, const schema::Entity& entity);
bool HasSecondKey(const schema::Schema& schema, const schema::Entity& entity);
bool HasReference(const schema::Schema& schema, const schema::Entity& entity);
bool HasSelfReference(const schema::Schema& schema, const schema::Entity& entity);
bool HasSearch(const schema::Schema& schema, const schema::Entity& entity);
bool HasPredicates(const schema::Schema& schema, const schema::Entity& entity);
bool HasMap(const schema::Schema& schema, const schema::Entity& entity);
bool HasStruct(const schema::Schema& schema, const schema::Entity& entity);
bool HasLowerCase(const schema::Schema& schema, const schema::Entity& entity);
bool HasDefault(const schema::Schema& schema, const schema::Entity& entity);
bool HasNullableSort(const schema::Schema& schema, const schema::Entity& entity);
bool HasPassword(const schema::Schema& schema, const schema::Entity& entity);
bool HasStream(const schema::Schema& schema, const schema::Entity& entity);
bool HasEtagAndSoftDelete(const schema::Schema& schema, const schema::Entity& entity);

class StoreCase : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override;
  // Starts again with a fresh database.
  void Fresh(GatewayOptions options = {});

  const schema::Entity& entity() const { return *GetParam().entity; }
  Gateway& gateway() { return *gateway_; }
  StoreClient& store() { return *store_; }
  RecordFactory& make() { return *make_; }
  StoreClient StoreOf(const schema::Entity& other) { return StoreClient(&gateway(), &other); }

  MessagePtr Make() { return make().Make(entity()); }
  MessagePtr Created() { return make().Created(entity()); }
  Value Id(const Message& record) const { return IdOf(record, entity()); }
  std::string Etag(const Message& record) const { return EtagOf(record, entity()); }

  // A field that callers may change at any time, and a valid value for it that
  // `record` does not have: what a test updates when it does not matter what.
  const schema::Field& AnyField() const;
  void Change(Message* record, const schema::Field& field);

  // Creates them in batches; what is answered and what is read again must be
  // what was sent.
  void ExpectRoundTrip(const std::vector<MessagePtr>& records);
  // As StoreClient::Get; fails the test when there is none.
  MessagePtr Read(const Value& id, bool show_deleted = false);

 private:
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<StoreClient> store_;
  std::unique_ptr<RecordFactory> make_;
};

#define STOREGATE_CASES(Fixture, feature) \
  INSTANTIATE_TEST_SUITE_P(Suite, Fixture, testing::ValuesIn(Cases(feature)), CaseName)

}  // namespace storegate::test

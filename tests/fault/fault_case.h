// A gateway on a database with faults, over one entity of each schema on each
// backend.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fault/faulty_backend.h"
#include "tests/support/expected.h"
#include "tests/support/mongodb.h"
#include "tests/support/record_factory.h"
#include "tests/support/postgres.h"
#include "tests/support/sqlite.h"
#include "tests/support/store_client.h"

namespace storegate::test {

struct FaultParam {
  const BackendUnderTest* backend;
  std::string schema;
};
inline void PrintTo(const FaultParam& param, std::ostream* out) {
  *out << param.backend->name << " " << param.schema;
}

inline std::vector<FaultParam> FaultParams() {
  static const auto* backends = new std::vector<BackendUnderTest>{Sqlite(), Postgres(), Mongodb()};
  std::vector<FaultParam> params;
  for (const BackendUnderTest& backend : *backends) {
    for (const char* schema : {"shop", "org", "types"}) params.push_back({&backend, schema});
  }
  return params;
}

// An entity that refers to nothing: writes of others would be in the way.
inline const schema::Entity* EntityOnItsOwn(const schema::Schema& schema) {
  for (const schema::Entity& entity : schema.entities) {
    bool refers = false;
    for (const schema::Field& field : entity.fields) refers |= field.references.has_value();
    if (!refers && Served(schema, entity)) return &entity;
  }
  return nullptr;
}

class FaultCase : public testing::TestWithParam<FaultParam> {
 protected:
  void SetUp() override { Open({}); }

  void Open(repository::ExecutorOptions executor) {
    GatewayOptions options;
    options.executor = executor;
    faults_ = std::make_shared<Faults>();
    options.wrap = [faults = faults_](std::unique_ptr<repository::Backend> backend) {
      return WithFaults(std::move(backend), faults);
    };
    factory_.reset();
    store_.reset();
    gateway_.reset();
    const NamedSchema& schema = SchemaNamed(GetParam().schema);
    gateway_ = std::make_unique<Gateway>(*GetParam().backend, schema, options);
    entity_ = EntityOnItsOwn(*schema.schema);
    ASSERT_NE(entity_, nullptr);
    store_ = std::make_unique<StoreClient>(gateway_.get(), entity_);
    factory_ = std::make_unique<RecordFactory>(gateway_.get(), 1);
  }

  Faults& faults() { return *faults_; }
  Gateway& gateway() { return *gateway_; }
  StoreClient& store() { return *store_; }
  RecordFactory& make() { return *factory_; }
  const schema::Entity& entity() const { return *entity_; }
  Value Id(const Message& record) const { return IdOf(record, entity()); }

  std::future<Reply> StartCreate(const Message& record,
                                 std::chrono::milliseconds timeout = std::chrono::minutes(5)) {
    return gateway().Start(store().method(schema::Operation::kCreate),
                           store().CreateRequest(record)->SerializeAsString(), timeout);
  }
  std::future<Reply> StartGet(const Value& id,
                              std::chrono::milliseconds timeout = std::chrono::minutes(5)) {
    const schema::Method& get = store().method(schema::Operation::kGet);
    MessagePtr request(get.request->New());
    SetValue(request.get(), get.keys.front().fields[0], id);
    return gateway().Start(get, request->SerializeAsString(), timeout);
  }
  std::future<Reply> StartList(std::chrono::milliseconds timeout = std::chrono::minutes(5)) {
    return gateway().Start(store().method(schema::Operation::kList),
                           store().ListRequest({})->SerializeAsString(), timeout);
  }

  // Calls until it is OK: the executor finds out by itself that a database is back.
  template <typename Call>
  Reply Until(Call call) {
    Reply reply = call();
    while (!reply.ok()) {
      EXPECT_TRUE(HasStatus(reply.status, Code::kUnavailable));
      if (reply.status.code() != Code::kUnavailable) return reply;
      std::this_thread::yield();
      reply = call();
    }
    return reply;
  }

 private:
  std::shared_ptr<Faults> faults_;
  const schema::Entity* entity_ = nullptr;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<StoreClient> store_;
  std::unique_ptr<RecordFactory> factory_;
};

inline std::string FaultName(const testing::TestParamInfo<FaultParam>& info) {
  return info.param.backend->name + "_" + info.param.schema;
}

#define STOREGATE_FAULTS(Fixture) \
  INSTANTIATE_TEST_SUITE_P(Fault, Fixture, testing::ValuesIn(FaultParams()), FaultName)

}  // namespace storegate::test

// What the operations share: the parts of the gateway that they use, and one
// call on its way through them.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <google/protobuf/arena.h>
#include <google/protobuf/message.h>

#include "server/base/worker_pool.h"
#include "server/query/predicate.h"
#include "server/repository/executor.h"
#include "server/schema/schema.h"
#include "server/service/password.h"
#include "server/service/service.h"
#include "server/service/unindexed.h"

namespace storegate::service {

// gRPC clients take messages of at most this many bytes unless told otherwise:
// an answer past it would only fail at their end.
inline constexpr size_t kMaxResponseBytes = 4 << 20;

// What is worked out of a method once, at start.
struct MethodPlan {
  // One a predicate of the method, in order.
  std::vector<Result<query::Template>> predicates;
  // Of `when`; empty when there is none.
  std::vector<Result<query::Template>> when;
  // Aggregates: which records, which rows, in which order.
  std::vector<Result<query::Template>> filter, having;
  query::Order row_order;
  // VerifyPassword: the entity's password field.
  const schema::Field* password = nullptr;
};

// Constant after construction, or with synchronisation of its own.
struct Context {
  Context(const schema::Schema& schema, Service::Routes routes, query::TokenSealer sealer,
          Options options);

  // Where an entity lives; null when this gateway serves and refers to it nowhere.
  repository::Executor* ExecutorOf(const schema::Entity* entity) const;
  const MethodPlan& PlanOf(const schema::Method& method) const { return plans.at(&method); }

  // What counts the records of a field of role kCount, by what they refer to: a row's
  // first field is that, the second the number.
  const schema::Aggregate& CountOf(const schema::Field& field) const { return *counts.at(&field); }
  // Of the records that a field embeds.
  const query::Order& EmbedOrder(const schema::Field& field) const {
    return embed_orders.at(&field);
  }

  const schema::Schema& schema;
  const Service::Routes routes;
  const query::TokenSealer sealer;
  const Options options;
  std::unordered_map<const schema::Method*, MethodPlan> plans;
  std::unordered_map<const schema::Field*, std::unique_ptr<const schema::Aggregate>> counts;
  std::unordered_map<const schema::Field*, query::Order> embed_orders;
  // Streams that are open. They may end after the service has.
  const std::shared_ptr<std::atomic<size_t>> streams = std::make_shared<std::atomic<size_t>>(0);
  UnindexedQueries unindexed;
  // Destroyed first: they wait for work that uses all of the above.
  PasswordHasher hasher;
  WorkerPool compute;
};

// One call. Held by whoever is working on it, so that request and rows live until
// the answer is given. Used by one thread at a time.
struct CallState {
  CallState(Context* context, Call call);

  const schema::Method& method() const { return *call.method; }
  const schema::Entity& entity() const { return *call.method->entity; }
  repository::Executor& executor() const { return *home; }

  // Checks the request's bytes and parses them onto the arena. Writes refuse
  // unknown fields.
  Status Parse(bool write, const google::protobuf::FieldDescriptor* batch = nullptr);

  // Exactly one of these, once.
  void Fail(const Status& status) { call.done(status, std::string()); }
  void Succeed(std::string response) { call.done(Status(), std::move(response)); }

  Context* const context;
  Call call;
  repository::Executor* const home;  // of the method's entity
  google::protobuf::Arena arena;
  google::protobuf::Message* request = nullptr;
  std::string rows;  // what sinks write into
};
using CallPtr = std::shared_ptr<CallState>;

Status DeadlineExceeded();

// NOT_FOUND: entity and what it was looked up by in the metadata, values as long
// as an id may be at most.
Status RecordNotFound(const schema::Entity& entity, const schema::Key& key,
                      const repository::KeyValues& values);
Status RecordDeleted(const schema::Entity& entity, const schema::Key& key,
                     const repository::KeyValues& values);

// The version that an etag stands for; empty for no etag. INVALID_ARGUMENT.
Result<std::optional<int64_t>> ReadEtag(const std::string& etag, std::string field);

// The operations. Each answers the call, sooner or later.
void Create(const CallPtr& call);
void BatchCreate(const CallPtr& call);
void Get(Context* context, Call call);
void BatchGet(const CallPtr& call);
void List(const CallPtr& call);
void Update(const CallPtr& call);
void Delete(const CallPtr& call);
void Undelete(const CallPtr& call);
void Purge(const CallPtr& call);
void VerifyPassword(const CallPtr& call);
void Stream(const CallPtr& call);
void Aggregate(const CallPtr& call);
void Native(const CallPtr& call);

}  // namespace storegate::service

#include "server/service/service.h"

#include <memory>
#include <utility>

#include "server/service/context.h"
#include "server/service/reasons.h"

namespace storegate::service {
namespace {

void Run(const CallPtr& call) {
  if (Expired(call->call.deadline)) return call->Fail(DeadlineExceeded());
  switch (call->method().operation) {
    case schema::Operation::kCreate: return Create(call);
    case schema::Operation::kBatchCreate: return BatchCreate(call);
    case schema::Operation::kGet: return Get(call->context, std::move(call->call));
    case schema::Operation::kBatchGet: return BatchGet(call);
    case schema::Operation::kList: return List(call);
    case schema::Operation::kUpdate: return Update(call);
    case schema::Operation::kDelete: return Delete(call);
    case schema::Operation::kUndelete: return Undelete(call);
    case schema::Operation::kPurge: return Purge(call);
    case schema::Operation::kVerifyPassword: return VerifyPassword(call);
    case schema::Operation::kStream: return Stream(call);
    case schema::Operation::kAggregate: return Aggregate(call);
    case schema::Operation::kNative: return Native(call);
  }
}

}  // namespace

struct Service::Impl {
  Context context;
};

Service::Service(const schema::Schema& schema, Routes routes, query::TokenSealer sealer,
                 Options options)
    : impl_(new Impl{Context(schema, std::move(routes), std::move(sealer), options)}) {}

Service::~Service() = default;

void Service::Handle(Call call) {
  Context* context = &impl_->context;
  const bool large = call.request.size() > context->options.large_request_bytes;
  // The hot path: no state but the read's own.
  if (call.method->operation == schema::Operation::kGet && !large) {
    if (Expired(call.deadline)) return call.done(DeadlineExceeded(), std::string());
    return Get(context, std::move(call));
  }
  auto state = std::make_shared<CallState>(context, std::move(call));
  if (!large) return Run(state);
  if (!context->compute.TrySubmit([state] { Run(state); })) {
    Status status(Code::kResourceExhausted, reason::kQueueFull,
                  "too many large requests wait to be checked; try again later");
    status.WithRetryDelay(std::chrono::milliseconds(200));
    state->Fail(status);
  }
}

}  // namespace storegate::service

// Get: one record by any unique key. The way that matters most: where the keys
// are strings and integers the request is read straight from its bytes, and the
// row's bytes are the answer; no message is built.
#include <optional>
#include <utility>

#include "server/base/text.h"
#include "server/service/context.h"
#include "server/service/reasons.h"
#include "server/service/request_key.h"
#include "server/service/violations.h"
#include "server/service/wire_check.h"

namespace storegate::service {
namespace {

Result<RequestedKey> ReadKeyByParsing(const Context& context, const Call& call) {
  WireLimits limits;
  limits.max_nesting = context.options.max_nesting;
  limits.refuse_unknown = false;
  const google::protobuf::Message& prototype = *call.method->request;
  Status status = CheckWire(call.request, *prototype.GetDescriptor(), limits);
  if (!status.ok()) return status;
  google::protobuf::Arena arena;
  return ReadKey(*call.method, *ParseChecked(call.request, prototype, &arena));
}

}  // namespace

void Get(Context* context, Call call) {
  const schema::Method& method = *call.method;
  std::optional<Result<RequestedKey>> scanned = ScanKey(method, call.request);
  Result<RequestedKey> key = scanned ? *std::move(scanned) : ReadKeyByParsing(*context, call);
  if (!key.ok()) return call.done(key.status(), std::string());
  repository::PointRead read;
  read.entity = method.entity;
  read.key = key->key;
  read.values = key->values;
  read.deadline = call.deadline;
  read.method = &method;
  read.settled = call.settled;
  read.done = [&method, key = *std::move(key), done = std::move(call.done)](
                  const Status& status, repository::Found found, std::string_view row) {
    if (!status.ok()) return done(status, std::string());
    if (!found.found) {
      return done(RecordNotFound(*method.entity, *key.key, key.values), std::string());
    }
    if (found.deleted && !key.show_deleted) {
      return done(RecordDeleted(*method.entity, *key.key, key.values), std::string());
    }
    done(Status(), std::string(row));
  };
  context->ExecutorOf(method.entity)->Submit(std::move(read));
}

}  // namespace storegate::service

// VerifyPassword: one lookup and one argon2id verification, whatever comes of
// it, so that the time taken tells nobody which accounts exist.
#include <utility>

#include "server/base/wire.h"
#include "server/repository/wire_sink.h"
#include "server/service/context.h"
#include "server/service/reasons.h"
#include "server/service/reflect.h"
#include "server/service/request_key.h"
#include "server/service/validate.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

struct Verification {
  CallPtr call;
  std::string password;
  repository::Query query;
};

// Splits a row into its fields: the hash, and what may be returned. Rows come from
// our own sink and are well-formed.
void TakeApart(const schema::Entity& entity, const schema::Field& password, std::string_view row,
               std::string* hash, std::string* visible) {
  while (!row.empty()) {
    const std::string_view start = row;
    uint64_t tag, value = 0;
    if (!wire::ReadVarint(&row, &tag)) return;
    size_t skip = 0;
    switch (tag & 7) {
      case wire::kFixed64: skip = 8; break;
      case wire::kFixed32: skip = 4; break;
      default:
        if (!wire::ReadVarint(&row, &value)) return;
        if ((tag & 7) == wire::kLength) skip = static_cast<size_t>(value);
    }
    if (skip > row.size()) return;
    const std::string_view content = row.substr(0, skip);
    row.remove_prefix(skip);
    const auto number = static_cast<int>(tag >> 3);
    const FieldDescriptor* field = entity.descriptor->FindFieldByNumber(number);
    const schema::Field* known = field == nullptr ? nullptr : entity.Find(field->name());
    if (number == password.number) {
      *hash = content;
    } else if (known != nullptr && !known->input_only) {
      visible->append(start.substr(0, start.size() - row.size()));
    }
  }
}

// A password in a google.protobuf.StringValue.
std::string Unwrap(std::string_view wrapped) {
  uint64_t tag, size;
  if (!wire::ReadVarint(&wrapped, &tag) || !wire::ReadVarint(&wrapped, &size)) return "";
  return std::string(wrapped.substr(0, static_cast<size_t>(size)));
}

// On the password pool.
void Compare(const Verification& verification) {
  const CallPtr& call = verification.call;
  if (Expired(call->call.deadline)) return call->Fail(DeadlineExceeded());
  const schema::Field& field = *call->context->PlanOf(call->method()).password;
  std::string hash, visible, response;
  TakeApart(call->entity(), field, call->rows, &hash, &visible);
  if (field.wrapper) hash = Unwrap(hash);
  if (call->context->hasher.Verify(hash, verification.password)) {
    if (const FieldDescriptor* valid = call->method().valid) {
      wire::AppendVarint(wire::Tag(valid->number(), wire::kVarint), &response);
      wire::AppendVarint(1, &response);
    }
    if (const FieldDescriptor* result = call->method().result) {
      wire::AppendBytes(result->number(), visible, &response);
    }
  }
  call->Succeed(std::move(response));
}

Status ReadRequest(Verification* verification) {
  const CallPtr& call = verification->call;
  const schema::Method& method = call->method();
  Result<RequestedKey> key = ReadKey(method, *call->request);
  if (!key.ok()) return key.status();
  verification->password = GetString(*call->request, method.password);
  if (verification->password.size() > kMaxPasswordBytes) {
    return Invalid(method.password->name(),
                   "must be at most " + std::to_string(kMaxPasswordBytes) + " bytes; has " +
                       std::to_string(verification->password.size()));
  }
  std::vector<query::Predicate> all;
  for (size_t i = 0; i < key->values.size(); ++i) {
    all.push_back(query::Predicate::Equals(key->key->fields[i], std::move(key->values[i])));
  }
  for (const Result<query::Template>& when : call->context->PlanOf(method).when) {
    Result<query::Predicate> bound = when.ok() ? when->Bind(nullptr) : when.status();
    if (!bound.ok()) {
      return Status(Code::kInternal, reason::kInternal,
                    "the predicate of this method cannot be read");
    }
    all.push_back(*std::move(bound));
  }
  repository::Query& query = verification->query;
  query.entity = &call->entity();
  query.where = query::Predicate::And(std::move(all));
  query.order = {{call->entity().id, false}};
  query.limit = 1;
  query.with_secrets = true;
  query.deadline = call->call.deadline;
  return {};
}

}  // namespace

void VerifyPassword(const CallPtr& call) {
  if (Status status = call->Parse(/*write=*/false); !status.ok()) return call->Fail(status);
  auto verification = std::make_shared<Verification>();
  verification->call = call;
  if (Status status = ReadRequest(verification.get()); !status.ok()) return call->Fail(status);
  repository::SessionTask task;
  task.lane = repository::Lane::kPoint;
  task.what = call->entity().full_name + " verify password";
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.run = [verification](const Status& status, repository::Session* session) {
    const CallPtr& call = verification->call;
    if (!status.ok()) return call->Fail(status);
    repository::WireSink sink(&call->rows, 0, /*with_secrets=*/true);
    sink.SetEntity(&call->entity());
    Status listed = session->List(verification->query, &sink);
    if (!listed.ok()) return call->Fail(listed);
    Status queued = call->context->hasher.Submit([verification] { Compare(*verification); });
    if (!queued.ok()) call->Fail(queued);
  };
  call->executor().Submit(std::move(task));
}

}  // namespace storegate::service

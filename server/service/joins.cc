#include "server/service/joins.h"

#include "server/service/reasons.h"

namespace storegate::service {
namespace {

Status Unavailable(const schema::Field& embed, const std::string& why) {
  return Status(Code::kUnimplemented, reason::kJoinUnavailable,
                embed.entity->name + "." + embed.name + " cannot be filtered by: " + why +
                    "; list the records that it refers to first, then filter by the reference")
      .With("field", embed.name);
}

}  // namespace

Status CheckJoins(const Context& context, const schema::Entity& entity,
                  const query::Predicate& predicate) {
  const schema::Entity* below = &entity;
  if (predicate.kind == query::Predicate::Kind::kRelated) {
    const schema::Field& embed = *predicate.path.field;
    below = embed.embed_entity;
    repository::Executor* home = context.ExecutorOf(&entity);
    if (!home->backend().capabilities().joins) {
      return Unavailable(embed, "its database does not join");
    }
    if (context.ExecutorOf(below) != home ||
        (embed.via != nullptr && context.ExecutorOf(embed.via) != home)) {
      return Unavailable(embed, "its records live in another database");
    }
  }
  for (const query::Predicate& child : predicate.children) {
    if (Status status = CheckJoins(context, *below, child); !status.ok()) return status;
  }
  return {};
}

}  // namespace storegate::service

#include "server/query/related.h"

namespace storegate::query {

using schema::Field;

Relation RelationOf(const Field& embed) {
  Relation relation;
  relation.entity = embed.embed_entity;
  const Field& reference = *embed.embed;
  if (embed.presence != schema::Presence::kRepeated) {
    relation.here = &reference;
    relation.there = reference.references->field;
    return relation;
  }
  relation.here = reference.references->field;
  if (embed.via == nullptr) {
    relation.there = &reference;
    return relation;
  }
  relation.between = embed.via;
  relation.between_here = &reference;
  // The loader saw to it that there is exactly one.
  for (const Field& other : embed.via->fields) {
    if (&other == &reference || !other.references) continue;
    if (other.references->entity == embed.embed_entity) relation.between_there = &other;
  }
  relation.there = relation.between_there->references->field;
  return relation;
}

}  // namespace storegate::query

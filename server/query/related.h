// How the records that an embed is filled with are found, for whoever asks a database
// for them. Any thread.
#pragma once

#include "server/schema/schema.h"

namespace storegate::query {

// Rows of `entity` whose field `there` has the value of `here`, a field of the entity
// that has the embed. With `between`: rows of `entity` whose `there` is the value of
// `between_there` in a row of `between` whose `between_here` is the value of `here`.
struct Relation {
  const schema::Field* here = nullptr;
  const schema::Entity* between = nullptr;
  const schema::Field* between_here = nullptr;
  const schema::Field* between_there = nullptr;
  const schema::Entity* entity = nullptr;
  const schema::Field* there = nullptr;
};

// REQUIRES: a field of role kEmbed, of a schema that was loaded without an error.
Relation RelationOf(const schema::Field& embed);

}  // namespace storegate::query

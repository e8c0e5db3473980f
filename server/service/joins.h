// Predicates that go into other records, and where they can be answered.
#pragma once

#include "server/base/status.h"
#include "server/query/predicate.h"
#include "server/service/context.h"

namespace storegate::service {

// OK when all records that the predicate over `entity` goes into live in the entity's
// own database, and that database joins. Else UNIMPLEMENTED, reason JOIN_UNAVAILABLE,
// naming the field.
Status CheckJoins(const Context& context, const schema::Entity& entity,
                  const query::Predicate& predicate);

}  // namespace storegate::service

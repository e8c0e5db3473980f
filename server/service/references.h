// References between entities of different databases. Within one database the
// session checks them as part of the write; across two the gateway looks before
// it writes, and what happens in between is seen by nobody: a race that README
// names.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/query/value.h"
#include "server/schema/schema.h"
#include "server/service/context.h"

namespace storegate::service {

// The key that consists of this one field; null: none. References name such fields only.
const schema::Key* KeyOf(const schema::Field* field);

// Reference fields among `fields` whose target lives where `entity` does.
std::vector<const schema::Field*> ReferencesHere(const Context& context,
                                                 const std::vector<const schema::Field*>& fields);

// All reference fields of an entity.
std::vector<const schema::Field*> ReferenceFields(const schema::Entity& entity);

// A reference that points into another database.
struct FarReference {
  const schema::Field* field = nullptr;
  Value value;
  std::string path;  // of the field, from the request
  size_t item = 0;   // the caller's own number for it
};

// Those among `fields` that are set in `record`, appended.
void FindFarReferences(const Context& context, const std::vector<const schema::Field*>& fields,
                       const google::protobuf::Message& record, const std::string& path,
                       size_t item, std::vector<FarReference>* out);

// One status for each of `references`, in order: OK when the record is there and
// living, FAILED_PRECONDITION REFERENCE_NOT_FOUND when not, else why it could not
// be looked up. `done` is called at once when there are none. On behalf of `call`,
// within its deadline.
void CheckFarReferences(const Context& context, std::vector<FarReference> references,
                        const Call& call,
                        std::function<void(const std::vector<Status>&)> done);

// Fields that refer to `entity` from entities of the same database, and from others.
std::vector<const schema::Field*> ReferrersHere(const Context& context,
                                                const schema::Entity& entity);
std::vector<const schema::Field*> ReferrersFar(const Context& context,
                                               const schema::Entity& entity);

// A far referrer and the value that it must not have.
struct FarReferrer {
  const schema::Field* field = nullptr;
  Value value;
};

// OK when no record has these values; FAILED_PRECONDITION RECORD_REFERENCED, with
// metadata "referrer", when one does: a living one, or, with `also_deleted`, any.
// On behalf of `call`.
void CheckFarReferrers(const Context& context, std::vector<FarReferrer> referrers,
                       bool also_deleted, const Call& call,
                       std::function<void(const Status&)> done);

}  // namespace storegate::service

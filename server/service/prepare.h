// Makes a caller's record ready to be inserted.
#pragma once

#include <cstdint>

#include <google/protobuf/message.h>

#include "server/repository/backend.h"
#include "server/service/context.h"
#include "server/service/violations.h"

namespace storegate::service {

// Clears what callers do not write, sets defaults, normalises, makes a UUIDv7 for
// an id of text that is not given, checks all rules and the record's size, and
// sets create_time and update_time (given ones stay, with `keep_times`). What is
// wrong is added to `violations`, under `path`. Passwords are still plain.
void PrepareInsert(const Context& context, const schema::Entity& entity, const Path& path,
                   bool keep_times, int64_t now_millis, google::protobuf::Message* record,
                   Violations* violations);

// Adds a violation when the record is larger than the limit.
void CheckRecordSize(const Context& context, const google::protobuf::Message& record,
                     const Path& path, Violations* violations);

// The insert of a record that is ready; its references within the database are
// checked by the session.
repository::Mutation InsertMutation(const Context& context, const schema::Entity& entity,
                                    const google::protobuf::Message& record, int64_t now_millis);

}  // namespace storegate::service

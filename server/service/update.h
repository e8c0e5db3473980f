// An update on its way: what it changes, and the record to insert where none is.
#pragma once

#include <optional>
#include <vector>

#include "server/repository/backend.h"
#include "server/service/context.h"
#include "server/service/mask.h"
#include "server/service/selection.h"

namespace storegate::service {

// Somebody else may be faster so often before an update gives up.
inline constexpr int kMaxUpdateTries = 10;

struct Updating {
  CallPtr call;
  google::protobuf::Message* record = nullptr;  // as given; masked fields are normalised
  repository::KeyValues id;
  Mask mask;
  std::optional<int64_t> version;  // behind the etag that was given
  int64_t now = 0;

  // With allow_missing: the record as a create would make it, or why it cannot be
  // inserted. The status is OK only with allow_missing.
  google::protobuf::Message* insert = nullptr;
  Status cannot_insert;
  bool allow_missing = false;

  std::shared_ptr<const Selection> selection;  // of the answer
  int tries = 0;
};
using UpdatingPtr = std::shared_ptr<Updating>;

// The fields that change when `changed` do, in order, each once: they, the other
// members of a oneof of which one is set in `record`, and update_time.
std::vector<const schema::Field*> FieldsToWrite(const schema::Entity& entity,
                                                const std::vector<const schema::Field*>& changed,
                                                const google::protobuf::Message& record);

// NOT_FOUND where the record is missing: why an insert cannot take its place, or
// OK when it can. Never OK with an etag, which is that of a record that is there.
Status MayInsert(const Updating& updating, const Status& not_found);

// ABORTED, reason CONTENTION.
Status Contention(const schema::Entity& entity);

// Reads the row, changes it, writes it back if nobody else did in between, again
// if somebody did. For what one statement cannot do: paths into nested values,
// and values so large that the whole record's size has to be looked at. On a
// thread that writes; blocks. `response` gets the row.
Status ReadChangeWrite(const Updating& updating, repository::Session* session,
                       std::string* response);

}  // namespace storegate::service

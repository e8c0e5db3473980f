// Which record a request names: the fields of exactly one unique key.
#pragma once

#include <optional>
#include <string_view>

#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/schema/schema.h"

namespace storegate::service {

struct RequestedKey {
  const schema::Key* key = nullptr;
  repository::KeyValues values;  // checked, in lower case where the field is
  bool show_deleted = false;
};

// INVALID_ARGUMENT: reason KEY_REQUIRED or KEY_AMBIGUOUS when not the fields of
// exactly one of Method::keys are set; INVALID_FIELD when a value can be no key.
Result<RequestedKey> ReadKey(const schema::Method& method,
                             const google::protobuf::Message& request);

// The same from the request's bytes. Empty where the request has to be parsed: one with
// a mask, a key with fields that are neither strings nor integers, or bytes that are not
// well-formed or of another type than the schema's, for which CheckWire finds the
// words.
std::optional<Result<RequestedKey>> ScanKey(const schema::Method& method,
                                            std::string_view request);

}  // namespace storegate::service

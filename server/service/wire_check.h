// The first look at a request: its bytes, before anything is built of them. One
// pass without allocation, so that a hostile message costs no more than its size.
#pragma once

#include <cstddef>
#include <string_view>

#include <google/protobuf/arena.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "server/base/status.h"

namespace storegate::service {

// A message of two bytes becomes one of a hundred in memory, an element of one
// byte one of 8 or 32: these keep what 4 MiB can become near 50 MiB.
inline constexpr size_t kMaxMessages = 200'000;
inline constexpr size_t kMaxElements = 1'000'000;

struct WireLimits {
  // Messages within messages, the request itself being the first; the entries of
  // maps, and so of Structs, are messages too, as they are for clients' parsers.
  size_t max_nesting = 64;
  // Writes refuse fields that the schema does not know: they would be lost.
  bool refuse_unknown = true;
  // The repeated field of the request that is a batch; null when there is none.
  const google::protobuf::FieldDescriptor* batch = nullptr;
  size_t max_batch = 1000;
};

// Statuses, the first that is found, naming its path and byte:
//   INVALID_ARGUMENT MALFORMED_REQUEST    cut off, a bad tag, a group
//   INVALID_ARGUMENT WRONG_TYPE           a known field with another wire type
//   INVALID_ARGUMENT INVALID_UTF8         in a string
//   INVALID_ARGUMENT UNKNOWN_FIELD        with refuse_unknown
//   INVALID_ARGUMENT NESTED_TOO_DEEP, BATCH_TOO_LARGE    naming limit and actual
//   RESOURCE_EXHAUSTED TOO_MANY_ELEMENTS  naming limit and actual
Status CheckWire(std::string_view bytes, const google::protobuf::Descriptor& type,
                 const WireLimits& limits);

// The message on the arena. REQUIRES: CheckWire said OK.
google::protobuf::Message* ParseChecked(std::string_view bytes,
                                        const google::protobuf::Message& prototype,
                                        google::protobuf::Arena* arena);

}  // namespace storegate::service

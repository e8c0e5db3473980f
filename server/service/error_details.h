// The one form in which a Status reaches callers: google.rpc.Status with
// google.rpc.ErrorInfo, BadRequest and RetryInfo (google.aip.dev/193). The edge
// sends it as grpc-status-details-bin, a partial batch one for each failed item.
#pragma once

#include <cstddef>
#include <string_view>

#include "google/rpc/status.pb.h"
#include "server/base/status.h"

namespace storegate::service {

// ErrorInfo.domain of every error.
inline constexpr std::string_view kErrorDomain = "storegate";

// Encoded bytes of a whole google.rpc.Status. Past about 6 KB of headers clients
// report RESOURCE_EXHAUSTED instead of the error (measured); base64 and the
// message in a header of its own need the rest.
inline constexpr size_t kMaxStatusBytes = 4096;

// Code, message, and the details that the status has. Violations are kept in
// their order, as many as fit into `max_bytes` with all else; how many there were
// and how many are shown is in ErrorInfo.metadata, "violations_total" and
// "violations_shown". A "violations_total" already in the status's metadata wins
// over the count of its violations (whoever gathered them may have kept fewer).
// Long messages and metadata are cut at a character's boundary. Any thread.
google::rpc::Status ToRpcStatus(const Status& status, size_t max_bytes = kMaxStatusBytes);

}  // namespace storegate::service

// The one place where a storegate::Status becomes a gRPC status.
#pragma once

#include <grpcpp/support/status.h>

#include "server/base/status.h"

namespace storegate::rpc {

// Code and message, and google.rpc.Status with its details as
// grpc-status-details-bin. A message is cut at 1 KiB, and details that would make
// the trailers too large for clients (8 KiB of metadata by default, beyond which
// they report RESOURCE_EXHAUSTED instead) are left out, the last first.
grpc::Status ToGrpc(const Status& status);

}  // namespace storegate::rpc

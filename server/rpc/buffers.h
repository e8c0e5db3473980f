// Between gRPC's buffers and strings.
#pragma once

#include <string>

#include <grpcpp/support/byte_buffer.h>

namespace storegate::rpc {

// Empties the buffer.
std::string TakeBytes(grpc::ByteBuffer* buffer);

// The string's own bytes are sent, without a copy; small ones are cheaper to copy.
grpc::ByteBuffer ToBuffer(std::string bytes);

}  // namespace storegate::rpc

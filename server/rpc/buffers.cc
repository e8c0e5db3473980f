#include "server/rpc/buffers.h"

#include <utility>
#include <vector>

namespace storegate::rpc {
namespace {

std::string_view BytesOf(const grpc::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

}  // namespace

std::string TakeBytes(grpc::ByteBuffer* buffer) {
  std::string bytes;
  grpc::Slice one;
  if (std::vector<grpc::Slice> all; buffer->TrySingleSlice(&one).ok()) {
    bytes = BytesOf(one);
  } else if (buffer->Dump(&all).ok()) {
    bytes.reserve(buffer->Length());
    for (const grpc::Slice& slice : all) bytes += BytesOf(slice);
  }
  buffer->Clear();
  return bytes;
}

grpc::ByteBuffer ToBuffer(std::string bytes) {
  constexpr size_t kCopyMax = 1024;
  if (bytes.size() <= kCopyMax) {
    const grpc::Slice slice(bytes.data(), bytes.size());
    return grpc::ByteBuffer(&slice, 1);
  }
  auto* const kept = new std::string(std::move(bytes));
  const grpc::Slice slice(
      kept->data(), kept->size(), [](void* string) { delete static_cast<std::string*>(string); },
      kept);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace storegate::rpc

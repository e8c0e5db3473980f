#include "server/rpc/status.h"

#include <string>
#include <string_view>

#include "server/base/text.h"
#include "server/service/error_details.h"

namespace storegate::rpc {
namespace {

constexpr size_t kMessageBytesMax = 1024;
// On the wire, message and details. Names, grpc-status and HTTP/2's 32 bytes an
// entry come on top.
constexpr size_t kTrailerBytesMax = 7000;

// Bytes of one character in grpc-message, which is percent-encoded:
// github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Responses".
size_t EncodedSize(char c) { return c < 0x20 || c > 0x7e || c == '%' ? 3 : 1; }

size_t EncodedSize(std::string_view text) {
  size_t size = 0;
  for (char c : text) size += EncodedSize(c);
  return size;
}

// At most kMessageBytesMax when encoded, ending with "…" when cut, valid UTF-8.
std::string Message(std::string text) {
  if (text.size() > kMessageBytesMax + 4) text.resize(kMessageBytesMax + 4);  // cut below
  for (size_t bad; (bad = FindInvalidUtf8(text)) != std::string::npos;) text[bad] = '?';
  if (EncodedSize(text) <= kMessageBytesMax) return text;
  constexpr std::string_view kEllipsis = "…";
  size_t room = kMessageBytesMax - EncodedSize(kEllipsis);
  size_t end = 0;
  while (EncodedSize(text[end]) <= room) room -= EncodedSize(text[end++]);
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return text.substr(0, end).append(kEllipsis);
}

size_t Base64Size(size_t bytes) { return (bytes + 2) / 3 * 4; }

}  // namespace

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message = Message(status.message());
  google::rpc::Status details = service::ToRpcStatus(status);
  details.set_message(message);
  const size_t room = kTrailerBytesMax - EncodedSize(message);
  while (details.details_size() > 0 && Base64Size(details.ByteSizeLong()) > room) {
    details.mutable_details()->RemoveLast();
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      details.SerializeAsString());
}

}  // namespace storegate::rpc

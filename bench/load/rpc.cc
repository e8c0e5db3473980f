#include "bench/load/rpc.h"

#include <charconv>

#include "bench/load/frames.h"

namespace storegate::bench {
namespace {

// grpc-message is percent-encoded.
std::string Decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16).ptr == &text[i + 1] + 2) {
      decoded.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

}  // namespace

void Rpc::Clear() {
  error.clear();
  body.clear();
  http_status.clear();
  message.clear();
  status = -1;
}

void Rpc::TakeField(std::string_view name, std::string_view value) {
  if (name == ":status") {
    http_status = value;
  } else if (name == "grpc-status") {
    const char* last = value.data() + value.size();
    int number = -1;
    auto [end, code] = std::from_chars(value.data(), last, number);
    if (code == std::errc() && end == last) status = number;
  } else if (name == "grpc-message") {
    message = Decoded(value);
  }
}

void Rpc::Judge() {
  if (http_status != "200") {
    error = "HTTP status '" + http_status + "'";
  } else if (status == -1) {
    error = "the answer ended without a grpc-status";
  } else if (status != 0) {
    error = "status " + std::to_string(status) + ": " + message;
  } else if (body.size() < kPrefix) {
    error = "the answer is OK, without a message";
  } else if (body[0] != 0) {
    error = "the answer is compressed, which was not asked for";
  } else if (const size_t length = ReadNumber(body, 1, 4); length != body.size() - kPrefix) {
    error = "the answer announced " + std::to_string(length) + " bytes and had " +
            std::to_string(body.size() - kPrefix);
  }
}

}  // namespace storegate::bench

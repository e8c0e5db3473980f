// A call of a connection: what is sent, what came back, and whether it is an
// answer as gRPC has it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace storegate::bench {

// Belongs to who makes the call, and stays where it is until the call has ended.
struct Rpc {
  std::string_view request;  // wire bytes, less than 16 KiB; stay as long as the Rpc

  // After it has ended. Empty where the server answered OK with one message that
  // is not compressed, otherwise what is wrong: "status 5: …" for an error of gRPC.
  std::string error;
  std::string_view answer() const { return std::string_view(body).substr(kPrefix); }

  // The rest is its connection's.

  // Forgets an earlier answer, and keeps the memory that it took.
  void Clear();
  // A field of its headers or trailers.
  void TakeField(std::string_view name, std::string_view value);
  // Sets `error`, all having come.
  void Judge();

  static constexpr size_t kPrefix = 5;  // before a message: compressed or not, length
  std::string body;                     // of all DATA
  std::string http_status, message;
  int status = -1;  // grpc-status; -1: none that is a number has come
};

}  // namespace storegate::bench

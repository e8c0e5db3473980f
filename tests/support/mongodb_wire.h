// MongoDB's messages on a socket, as a server reads and writes them: OP_MSG, and the
// OP_QUERY by which older drivers ask who is there.
// Source: mongodb.com, MongoDB wire protocol.
#pragma once

#include <cstdint>
#include <string>

#include <bson/bson.h>

namespace storegate::test {

// A command that came. Its document owns what it shows.
struct WireCommand {
  WireCommand() { bson_init(&document); }
  ~WireCommand() { bson_destroy(&document); }
  WireCommand(const WireCommand&) = delete;
  WireCommand& operator=(const WireCommand&) = delete;

  int32_t request_id = 0;
  bool legacy = false;          // OP_QUERY: to be answered by OP_REPLY
  bool wants_no_reply = false;  // the sender goes on without one
  bson_t document;              // with what came in further sections, as arrays
};

// The next command on the socket. False when it ends, or brings what is no message.
bool ReadWireCommand(int fd, WireCommand* command);

// Answers the command. False when the socket does not take it.
bool WriteWireReply(int fd, const WireCommand& command, const bson_t& reply);

// Sends a command to a server and waits for the reply, which is to be destroyed by who
// asked where it came.
bool CallWire(int fd, const bson_t& command, bson_t* reply);

}  // namespace storegate::test

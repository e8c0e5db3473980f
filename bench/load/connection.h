// One HTTP/2 connection that calls one method of gRPC.
//
// Frames are RFC 9113's, the method of compressing headers RFC 7541's, what they
// carry is gRPC's "gRPC over HTTP2". Only libnghttp2's HPACK decoder is used, not
// its sessions: these never put :path into the header table, so that the server
// would decode its text with each call, which it need not with gRPC's own clients.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/frames.h"
#include "bench/load/rpc.h"

namespace storegate::bench {

using Clock = std::chrono::steady_clock;

// For one thread. Starts calls as the peer's windows and its limit of streams
// allow; those over it wait in the order in which they came.
class Connection {
 public:
  // `target` is HOST:PORT, `method` a path.
  Connection(const std::string& target, const std::string& method);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects. False where that fails; failure() says why.
  bool Open();

  // Has a call sent with the next Exchange. Overwrites what an earlier use of
  // `rpc` has left in it.
  void Start(Rpc* rpc);

  // Sends what is there to send, waits at most `patience` for something to come,
  // reads all that has, and adds the calls that have ended to `ended`. False where
  // the connection is of no use any more, a server's GOAWAY included; failure()
  // says why, and no call ends after it.
  bool Exchange(std::chrono::nanoseconds patience, std::vector<Rpc*>* ended);

  // When what the last Exchange read was read.
  Clock::time_point arrived() const { return arrived_; }
  const std::string& failure() const { return failure_; }

 private:
  bool Fail(std::string why);
  void PutPreface();
  void PutRequest(Rpc* rpc);
  bool StartWaiting();
  bool Send();
  bool Receive(std::vector<Rpc*>* ended);
  bool OnFrame(Frame frame, std::vector<Rpc*>* ended);
  bool OnData(Frame frame, std::vector<Rpc*>* ended);
  bool OnHeaders(Frame frame, std::vector<Rpc*>* ended);
  bool OnReset(Frame frame, std::vector<Rpc*>* ended);
  bool OnSettings(Frame frame);
  bool OnWindowUpdate(Frame frame);
  Rpc* Find(uint32_t stream) const;
  void End(uint32_t stream, std::vector<Rpc*>* ended);

  const std::string target_;
  std::string first_headers_;  // of the first call, which fill the peer's table
  std::string headers_;        // of all others: what is in the table
  size_t table_bytes_ = 0;     // that these take there

  int socket_ = -1;
  std::string failure_;
  Clock::time_point arrived_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string out_;  // frames to send,
  size_t sent_ = 0;  // and how much of them is
  std::unique_ptr<char[]> in_;
  size_t kept_ = 0;  // bytes of a frame not all read yet, at the beginning of in_

  std::deque<Rpc*> waiting_;  // not sent yet
  absl::flat_hash_map<uint32_t, Rpc*> streams_;
  uint32_t next_stream_ = 1;
  uint32_t block_stream_ = 0;  // whose headers are to be continued; 0: nobody's
  bool block_ends_ = false;    // its stream with it

  // What the peer allows; nothing before its SETTINGS have come.
  bool settled_ = false;
  uint32_t table_limit_ = 4096;
  uint32_t stream_limit_ = UINT32_MAX;
  int64_t stream_window_ = 65535;  // of a new stream
  int64_t window_ = 65535;         // of the connection
  uint32_t consumed_ = 0;          // bytes read that it does not know of yet
};

}  // namespace storegate::bench

// Bounded waits for libmongoc: it has one timeout for all reads of a socket, set when
// the pool is made, and no way to end a command that is under way. Here each wait
// also ends when the call that waits has no more time.
#pragma once

#include <cstdint>
#include <string>

#include <mongoc/mongoc.h>

#include "server/base/time.h"

namespace storegate::mongodb {

// What a client's connections keep to, and what they tell. Used by the thread that
// uses the client.
struct Bound {
  // No wait is longer.
  Deadline until = Deadline::max();
  // A command is being sent, as opposed to a connection being made: said by
  // libmongoc's monitoring of commands, on the thread that sends.
  bool in_command = false;
  // Bytes of commands that were given to the operating system since Begin.
  int64_t written = 0;
  // The other end was found to be gone before anything was written to it.
  bool stale = false;
  // A wait ended because of `until`.
  bool silent = false;
  // What was sent got no answer; libmongoc may have sent it again.
  bool unanswered = false;

  void Begin(Deadline deadline) {
    until = deadline;
    in_command = stale = silent = unanswered = false;
    written = 0;
  }
};

// How connections are encrypted, from the URL's tls options.
class Tls {
 public:
  explicit Tls(const mongoc_uri_t* uri);
  bool on() const { return on_; }
  const mongoc_ssl_opt_t* options() const { return &options_; }
  // Whether the files that the options name can be read and are what they should be;
  // the log says what is wrong with them.
  bool Usable() const;

 private:
  bool on_ = false;
  std::string key_file_, key_password_, ca_file_;
  mongoc_ssl_opt_t options_{};
};

// Makes connections of a client: for mongoc_client_set_stream_initiator, which gets a
// StreamSource that outlives the client's use of it.
struct StreamSource {
  Bound* bound = nullptr;
  const Tls* tls = nullptr;
};
mongoc_stream_t* OpenStream(const mongoc_uri_t* uri, const mongoc_host_list_t* host,
                            void* source, bson_error_t* error);

}  // namespace storegate::mongodb

#include "server/adapters/mongodb/stream.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

namespace storegate::mongodb {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Any number that is none of libmongoc's own kinds of streams.
constexpr int kStreamType = 7600;
constexpr size_t kBufferBytes = 4096;

struct BoundedStream {
  mongoc_stream_t base;  // first: libmongoc knows the stream by it
  mongoc_stream_t* inner;
  Bound* bound;
  bool timed_out;
  // Of the message that begins, 0 where none does.
  uint32_t message_bytes;
};

BoundedStream* Self(mongoc_stream_t* stream) { return reinterpret_cast<BoundedStream*>(stream); }

// For making a connection, also when the call's time is up: libmongoc takes one that
// fails for a server that is gone, and tells all who use the pool.
constexpr milliseconds kConnectGrace{300};

// What is left of libmongoc's own timeout, in ms; 0: nothing.
int32_t Left(const Bound& bound, int32_t timeout) {
  const int64_t own = timeout > 0 ? timeout : std::numeric_limits<int32_t>::max();
  if (bound.until == Deadline::max()) return static_cast<int32_t>(own);
  const Deadline until = bound.in_command ? bound.until : bound.until + kConnectGrace;
  const int64_t left = duration_cast<milliseconds>(until - steady_clock::now()).count() + 1;
  return static_cast<int32_t>(std::clamp<int64_t>(left, 0, own));
}

ssize_t TooLate(BoundedStream* self) {
  self->timed_out = true;
  self->bound->silent = true;
  errno = ETIMEDOUT;
  return -1;
}

// The wait that failed may have ended because of the bound.
void NoteTimeout(BoundedStream* self) {
  if (!mongoc_stream_timed_out(self->inner)) return;
  self->timed_out = true;
  if (Expired(self->bound->until)) self->bound->silent = true;
}

ssize_t Write(mongoc_stream_t* stream, mongoc_iovec_t* pieces, size_t count, int32_t timeout) {
  BoundedStream* self = Self(stream);
  self->timed_out = false;
  Bound& bound = *self->bound;
  if (bound.in_command && bound.written == 0 && mongoc_stream_check_closed(self->inner)) {
    bound.stale = true;
    errno = ECONNRESET;
    return -1;
  }
  const int32_t left = Left(bound, timeout);
  if (left == 0) return TooLate(self);
  const ssize_t written = mongoc_stream_writev(self->inner, pieces, count, left);
  // What failed may have gone out in part.
  if (bound.in_command) bound.written += std::max<ssize_t>(written, 1);
  if (written < 0) NoteTimeout(self);
  return written;
}

uint32_t Number(const uint8_t* bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

// libmongoc reads the length of a message, then the rest of it, and crashes on one whose
// sections are not what they say. What a server answers is one document.
// Source: mongodb.com, MongoDB wire protocol, OP_MSG.
bool Sound(BoundedStream* self, const uint8_t* bytes, size_t size) {
  constexpr uint32_t kLengthBytes = 4, kHeaderBytes = 16, kMessage = 2013, kChecksum = 1;
  const uint32_t whole = std::exchange(self->message_bytes, 0);
  if (whole == 0) {
    if (size == kLengthBytes) self->message_bytes = Number(bytes);
    return true;
  }
  if (size != whole - kLengthBytes || whole < kHeaderBytes) return true;
  if (Number(bytes + 8) != kMessage) return true;
  constexpr uint32_t kFlags = kHeaderBytes - kLengthBytes, kBefore = kFlags + 5;
  if (size < kBefore + 4 + 5 || bytes[kFlags + 4] != 0) return false;
  const uint32_t document = static_cast<uint32_t>(size) - kBefore -
                            ((Number(bytes + kFlags) & kChecksum) != 0 ? 4 : 0);
  return Number(bytes + kBefore) == document && bytes[kBefore + document - 1] == 0;
}

ssize_t Read(mongoc_stream_t* stream, mongoc_iovec_t* pieces, size_t count, size_t min_bytes,
             int32_t timeout) {
  BoundedStream* self = Self(stream);
  self->timed_out = false;
  const int32_t left = Left(*self->bound, timeout);
  if (left == 0) return TooLate(self);
  const ssize_t read = mongoc_stream_readv(self->inner, pieces, count, min_bytes, left);
  if (read < static_cast<ssize_t>(min_bytes)) NoteTimeout(self);
  if (read > 0 && count == 1 && !Sound(self, static_cast<const uint8_t*>(pieces[0].iov_base),
                                       static_cast<size_t>(read))) {
    errno = EBADMSG;
    return -1;
  }
  return read;
}

void Destroy(mongoc_stream_t* stream) {
  mongoc_stream_destroy(Self(stream)->inner);
  delete Self(stream);
}

void Fail(mongoc_stream_t* stream) {
  mongoc_stream_failed(Self(stream)->inner);
  delete Self(stream);
}

mongoc_stream_t* Bounded(mongoc_stream_t* inner, Bound* bound) {
  auto* stream = new BoundedStream{};
  stream->inner = inner;
  stream->bound = bound;
  mongoc_stream_t& base = stream->base;
  base.type = kStreamType;
  base.destroy = Destroy;
  base.failed = Fail;
  base.writev = Write;
  base.readv = Read;
  base.close = [](mongoc_stream_t* self) { return mongoc_stream_close(Self(self)->inner); };
  base.flush = [](mongoc_stream_t* self) { return mongoc_stream_flush(Self(self)->inner); };
  base.setsockopt = [](mongoc_stream_t* self, int level, int name, void* value,
                       mongoc_socklen_t length) {
    return mongoc_stream_setsockopt(Self(self)->inner, level, name, value, length);
  };
  base.get_base_stream = [](mongoc_stream_t* self) { return Self(self)->inner; };
  base.check_closed = [](mongoc_stream_t* self) {
    return mongoc_stream_check_closed(Self(self)->inner);
  };
  base.timed_out = [](mongoc_stream_t* self) { return Self(self)->timed_out; };
  base.should_retry = [](mongoc_stream_t* self) {
    return mongoc_stream_should_retry(Self(self)->inner);
  };
  return &base;
}

struct DestroySocket {
  void operator()(mongoc_socket_t* socket) const { mongoc_socket_destroy(socket); }
};
using Socket = std::unique_ptr<mongoc_socket_t, DestroySocket>;

void SetError(bson_error_t* error, int code, const char* what, const mongoc_host_list_t* host) {
  bson_set_error(error, MONGOC_ERROR_STREAM, code, "%s: %s", what, host->host_and_port);
}

bool ConnectSocket(mongoc_socket_t* socket, const sockaddr* address, size_t length,
                   int32_t timeout) {
  const int64_t until = bson_get_monotonic_time() + int64_t{timeout} * 1000;
  return mongoc_socket_connect(socket, address, static_cast<mongoc_socklen_t>(length), until) == 0;
}

Socket ConnectUnix(const mongoc_host_list_t* host, int32_t timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(host->host);
  if (length >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, host->host, length);
  Socket socket(mongoc_socket_new(AF_UNIX, SOCK_STREAM, 0));
  if (socket != nullptr && !ConnectSocket(socket.get(), reinterpret_cast<sockaddr*>(&address),
                                          sizeof address, timeout)) {
    socket.reset();
  }
  return socket;
}

Socket ConnectTcp(const mongoc_host_list_t* host, const Bound& bound, int32_t timeout) {
  addrinfo hints{};
  hints.ai_family = host->family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host->host, std::to_string(host->port).c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const int32_t left = Left(bound, timeout);
    if (left == 0) break;
    Socket socket(mongoc_socket_new(each->ai_family, each->ai_socktype, each->ai_protocol));
    if (socket != nullptr && ConnectSocket(socket.get(), each->ai_addr, each->ai_addrlen, left)) {
      return socket;
    }
  }
  return {};
}

}  // namespace

Tls::Tls(const mongoc_uri_t* uri) : on_(mongoc_uri_get_tls(uri)) {
  const char* mechanism = mongoc_uri_get_auth_mechanism(uri);
  on_ = on_ || (mechanism != nullptr && std::strcmp(mechanism, "MONGODB-X509") == 0);
  const auto text = [uri](const char* option) {
    return std::string(mongoc_uri_get_option_as_utf8(uri, option, ""));
  };
  const auto flag = [uri](const char* option) {
    return mongoc_uri_get_option_as_bool(uri, option, false);
  };
  key_file_ = text(MONGOC_URI_TLSCERTIFICATEKEYFILE);
  key_password_ = text(MONGOC_URI_TLSCERTIFICATEKEYFILEPASSWORD);
  ca_file_ = text(MONGOC_URI_TLSCAFILE);
  if (!key_file_.empty()) options_.pem_file = key_file_.c_str();
  if (!key_password_.empty()) options_.pem_pwd = key_password_.c_str();
  if (!ca_file_.empty()) options_.ca_file = ca_file_.c_str();
  const bool insecure = flag(MONGOC_URI_TLSINSECURE);
  options_.weak_cert_validation = insecure || flag(MONGOC_URI_TLSALLOWINVALIDCERTIFICATES);
  options_.allow_invalid_hostname = insecure || flag(MONGOC_URI_TLSALLOWINVALIDHOSTNAMES);
}

bool Tls::Usable() const {
  if (!on_) return true;
  // libmongoc reads the files when it makes a stream.
  Socket socket(mongoc_socket_new(AF_INET, SOCK_STREAM, 0));
  if (socket == nullptr) return true;
  mongoc_stream_t* plain = mongoc_stream_socket_new(socket.release());
  mongoc_stream_t* encrypted = mongoc_stream_tls_new_with_hostname(
      plain, "", const_cast<mongoc_ssl_opt_t*>(&options_), 1);
  mongoc_stream_destroy(encrypted != nullptr ? encrypted : plain);
  return encrypted != nullptr;
}

mongoc_stream_t* OpenStream(const mongoc_uri_t* uri, const mongoc_host_list_t* host, void* source,
                            bson_error_t* error) {
  const auto& [bound, tls] = *static_cast<StreamSource*>(source);
  const int32_t timeout = Left(
      *bound, mongoc_uri_get_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, 10000));
  Socket socket;
  if (timeout > 0) {
    socket = host->family == AF_UNIX ? ConnectUnix(host, timeout)
                                     : ConnectTcp(host, *bound, timeout);
  }
  if (socket == nullptr) {
    if (Expired(bound->until)) bound->silent = true;
    SetError(error, MONGOC_ERROR_STREAM_CONNECT, "cannot connect", host);
    return nullptr;
  }
  mongoc_stream_t* stream = mongoc_stream_socket_new(socket.release());
  if (tls->on()) {
    mongoc_stream_t* encrypted = mongoc_stream_tls_new_with_hostname(
        stream, host->host, const_cast<mongoc_ssl_opt_t*>(tls->options()), 1);
    if (encrypted == nullptr) {
      mongoc_stream_destroy(stream);
      SetError(error, MONGOC_ERROR_STREAM_SOCKET, "cannot set up TLS", host);
      return nullptr;
    }
    stream = encrypted;
    const int32_t left = Left(*bound, timeout);
    if (left == 0 || !mongoc_stream_tls_handshake_block(stream, host->host, left, error)) {
      if (left == 0) SetError(error, MONGOC_ERROR_STREAM_CONNECT, "no time for TLS", host);
      mongoc_stream_destroy(stream);
      return nullptr;
    }
  }
  return Bounded(mongoc_stream_buffered_new(stream, kBufferBytes), bound);
}

}  // namespace storegate::mongodb

#include "bench/load/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace storegate::bench {
namespace {

enum Type : uint8_t {
  kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPushPromise = 5, kPing = 6, kGoAway = 7,
  kWindowUpdate = 8, kContinuation = 9
};
enum Flag : uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8, kPriority = 32 };
enum Setting : uint16_t {
  kTableSize = 1, kEnablePush = 2, kConcurrentStreams = 3, kInitialWindow = 4
};

constexpr size_t kFrameHeader = 9;
constexpr size_t kMaxFrame = 16384;  // neither side asks for more
constexpr size_t kRead = 256 << 10;
constexpr uint32_t kStreamWindow = 16 << 20;  // an answer is not longer
constexpr uint32_t kConnectionWindow = 64 << 20;
constexpr uint32_t kMaxStream = 0x7fffffff;

uint32_t ReadBytes(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = at; i < at + count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

void PutBytes(uint32_t value, size_t count, std::string* out) {
  while (count-- > 0) out->push_back(static_cast<char>(value >> (8 * count)));
}

// RFC 7541, 5.1: an integer in the low `bits` of a byte that begins with `first`.
void PutInteger(uint8_t first, int bits, uint32_t value, std::string* out) {
  const uint32_t most = (1u << bits) - 1;
  if (value < most) {
    out->push_back(static_cast<char>(first | value));
    return;
  }
  out->push_back(static_cast<char>(first | most));
  for (value -= most; value >= 128; value >>= 7) out->push_back(static_cast<char>(value | 128));
  out->push_back(static_cast<char>(value));
}

void PutText(std::string_view text, std::string* out) {
  PutInteger(0, 7, static_cast<uint32_t>(text.size()), out);
  out->append(text);
}

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

void TakeField(std::string_view name, std::string_view value, Rpc* rpc) {
  if (name == ":status") {
    rpc->http_status = value;
  } else if (name == "grpc-status") {
    int status = -1;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), status);
    if (error == std::errc() && end == value.data() + value.size()) rpc->status = status;
  } else if (name == "grpc-message") {
    rpc->message = Decoded(value);
  }
}

// Empty where `rpc` was answered as it ought to be.
std::string Verdict(const Rpc& rpc) {
  if (rpc.http_status != "200") return "HTTP status '" + rpc.http_status + "'";
  if (rpc.status == -1) return "the answer ended without a grpc-status";
  if (rpc.status != 0) return "status " + std::to_string(rpc.status) + ": " + rpc.message;
  if (rpc.body.size() < Rpc::kPrefix) return "the answer is OK, without a message";
  if (rpc.body[0] != 0) return "the answer is compressed, which was not asked for";
  const uint32_t length = ReadBytes(rpc.body, 1, 4);
  if (length == rpc.body.size() - Rpc::kPrefix) return "";
  return "the answer announced " + std::to_string(length) + " bytes and had " +
         std::to_string(rpc.body.size() - Rpc::kPrefix);
}

// Takes padding, and the priority of HEADERS, off a payload; false where it is
// too short for them.
bool Strip(uint8_t flags, bool priority, std::string_view* payload) {
  size_t padding = 0;
  if (flags & kPadded) {
    if (payload->empty()) return false;
    padding = static_cast<uint8_t>(payload->front());
    payload->remove_prefix(1);
  }
  const size_t before = priority && (flags & kPriority) ? 5 : 0;
  if (payload->size() < before + padding) return false;
  payload->remove_prefix(before);
  payload->remove_suffix(padding);
  return true;
}

std::string ErrnoText(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

}  // namespace

Connection::Connection(const std::string& target, const std::string& method)
    : target_(target), in_(new char[kFrameHeader + kMaxFrame + kRead]) {
  // :method POST and :scheme http are in the static table. The other four are put
  // into the dynamic one by the first call, where the last is the 62nd.
  first_headers_ = "\x83\x86";
  headers_ = first_headers_;
  const struct {
    int name;  // in the static table; 0: not there
    std::string_view text, value;
  } fields[] = {{4, ":path", method},
                {1, ":authority", target_},
                {0, "te", "trailers"},
                {31, "content-type", "application/grpc"}};
  uint32_t index = 65;
  for (const auto& field : fields) {
    PutInteger(0x40, 6, field.name, &first_headers_);
    if (field.name == 0) PutText(field.text, &first_headers_);
    PutText(field.value, &first_headers_);
    PutInteger(0x80, 7, index--, &headers_);
    table_bytes_ += field.text.size() + field.value.size() + 32;
  }
}

Connection::~Connection() {
  if (inflater_ != nullptr) nghttp2_hd_inflate_del(inflater_);
  if (socket_ >= 0) close(socket_);
}

bool Connection::Fail(std::string why) {
  failure_ = target_ + ": " + why;
  return false;
}

bool Connection::Open() {
  if (nghttp2_hd_inflate_new(&inflater_) != 0) return Fail("out of memory");
  const size_t colon = target_.rfind(':');
  if (colon == std::string::npos) return Fail("is not HOST:PORT");
  std::string host = target_.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  const int code = getaddrinfo(host.c_str(), target_.c_str() + colon + 1, &hints, &found);
  if (code != 0) return Fail(gai_strerror(code));
  for (const addrinfo* each = found; each != nullptr && socket_ < 0; each = each->ai_next) {
    socket_ = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0) continue;
    if (connect(socket_, each->ai_addr, each->ai_addrlen) == 0) break;
    const int error = errno;
    close(socket_);
    socket_ = -1;
    errno = error;
  }
  freeaddrinfo(found);
  if (socket_ < 0) return Fail(ErrnoText("cannot connect"));
  const int yes = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  PutPreface();
  return true;
}

void Connection::PutFrame(size_t length, uint8_t type, uint8_t flags, uint32_t stream) {
  const char header[kFrameHeader] = {
      static_cast<char>(length >> 16), static_cast<char>(length >> 8),
      static_cast<char>(length),       static_cast<char>(type),
      static_cast<char>(flags),        static_cast<char>(stream >> 24),
      static_cast<char>(stream >> 16), static_cast<char>(stream >> 8),
      static_cast<char>(stream)};
  out_.append(header, sizeof header);
}

void Connection::PutPreface() {
  out_ += "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  PutFrame(12, kSettings, 0, 0);
  PutBytes(kEnablePush, 2, &out_);
  PutBytes(0, 4, &out_);
  PutBytes(kInitialWindow, 2, &out_);
  PutBytes(kStreamWindow, 4, &out_);
  PutFrame(4, kWindowUpdate, 0, 0);
  PutBytes(kConnectionWindow - 65535, 4, &out_);
}

void Connection::Start(Rpc* rpc) {
  rpc->error.clear();
  rpc->body.clear();
  rpc->http_status.clear();
  rpc->message.clear();
  rpc->status = -1;
  waiting_.push_back(rpc);
}

void Connection::PutRequest(Rpc* rpc) {
  if (next_stream_ == 1) {
    // RFC 7541, 4.2: a smaller table is acknowledged where headers begin.
    std::string smaller;
    if (table_limit_ < 4096) PutInteger(0x20, 5, table_limit_, &smaller);
    PutFrame(smaller.size() + first_headers_.size(), kHeaders, kEndHeaders, next_stream_);
    out_ += smaller;
    out_ += first_headers_;
  } else {
    PutFrame(headers_.size(), kHeaders, kEndHeaders, next_stream_);
    out_ += headers_;
  }
  const std::string_view request = rpc->request;
  const size_t first = std::min(request.size(), kMaxFrame - Rpc::kPrefix);
  PutFrame(Rpc::kPrefix + first, kData, first == request.size() ? kEndStream : 0, next_stream_);
  out_.push_back(0);  // not compressed
  PutBytes(static_cast<uint32_t>(request.size()), 4, &out_);
  out_ += request.substr(0, first);
  for (size_t at = first; at < request.size(); at += kMaxFrame) {
    const std::string_view part = request.substr(at, kMaxFrame);
    PutFrame(part.size(), kData, at + part.size() == request.size() ? kEndStream : 0, next_stream_);
    out_ += part;
  }
  streams_.emplace(next_stream_, rpc);
  next_stream_ += 2;
}

// A request goes out whole or not at all, so that no stream's window is kept.
void Connection::StartWaiting() {
  while (settled_ && !waiting_.empty() && streams_.size() < stream_limit_) {
    Rpc* rpc = waiting_.front();
    const auto size = static_cast<int64_t>(Rpc::kPrefix + rpc->request.size());
    if (size > window_ || size > stream_window_) return;
    window_ -= size;
    PutRequest(rpc);
    waiting_.pop_front();
  }
}

bool Connection::Send() {
  while (sent_ < out_.size()) {
    const ssize_t count =
        send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent_ += static_cast<size_t>(count);
    } else if (errno == EAGAIN) {
      return true;
    } else if (errno != EINTR) {
      return Fail(ErrnoText("cannot send"));
    }
  }
  out_.clear();
  sent_ = 0;
  return true;
}

bool Connection::Exchange(std::chrono::nanoseconds patience, std::vector<Rpc*>* ended) {
  if (!failure_.empty()) return false;
  StartWaiting();
  if (next_stream_ > kMaxStream) return Fail("has had all calls that a connection can have");
  if (!out_.empty() && !Send()) return false;
  pollfd poll{socket_, static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
  const int64_t nanos = std::max<int64_t>(patience.count(), 0);
  const timespec bound{static_cast<time_t>(nanos / 1000000000),
                       static_cast<long>(nanos % 1000000000)};
  if (ppoll(&poll, 1, &bound, nullptr) <= 0 || (poll.revents & ~POLLOUT) == 0) return true;
  return Receive(ended);
}

bool Connection::Receive(std::vector<Rpc*>* ended) {
  const ssize_t count = recv(socket_, in_.get() + kept_, kRead, MSG_DONTWAIT);
  if (count == 0) return Fail("the server closed the connection");
  if (count < 0) return errno == EAGAIN || errno == EINTR || Fail(ErrnoText("cannot receive"));
  arrived_ = Clock::now();

  std::string_view rest(in_.get(), kept_ + static_cast<size_t>(count));
  while (rest.size() >= kFrameHeader) {
    const size_t length = ReadBytes(rest, 0, 3);
    if (length > kMaxFrame) return Fail("sent a frame of " + std::to_string(length) + " bytes");
    if (rest.size() < kFrameHeader + length) break;
    const Frame frame{static_cast<uint8_t>(rest[3]), static_cast<uint8_t>(rest[4]),
                      ReadBytes(rest, 5, 4) & kMaxStream, rest.substr(kFrameHeader, length)};
    if (!OnFrame(frame, ended)) return false;
    rest.remove_prefix(kFrameHeader + length);
  }
  kept_ = rest.size();
  if (kept_ > 0) std::memmove(in_.get(), rest.data(), kept_);

  if (consumed_ >= kConnectionWindow / 4) {
    PutFrame(4, kWindowUpdate, 0, 0);
    PutBytes(consumed_, 4, &out_);
    consumed_ = 0;
  }
  return true;
}

bool Connection::OnFrame(Frame frame, std::vector<Rpc*>* ended) {
  if (frame.type != kContinuation && block_stream_ != 0) return Fail("left headers half sent");
  switch (frame.type) {
    case kData:
      return OnData(frame, ended);
    case kHeaders:
      if (!Strip(frame.flags, true, &frame.payload)) return Fail("sent malformed HEADERS");
      block_stream_ = frame.stream;
      block_ends_ = frame.flags & kEndStream;
      return OnHeaders(frame, ended);
    case kContinuation:
      if (block_stream_ == 0 || frame.stream != block_stream_) {
        return Fail("continued headers that were not begun");
      }
      return OnHeaders(frame, ended);
    case kReset:
      return OnReset(frame, ended);
    case kSettings:
      return OnSettings(frame);
    case kPushPromise:
      return Fail("pushed, which was not allowed");
    case kPing:
      if (frame.payload.size() != 8) return Fail("sent a malformed PING");
      if (frame.flags & kAck) return true;
      PutFrame(8, kPing, kAck, 0);
      out_ += frame.payload;
      return true;
    case kGoAway:
      if (frame.payload.size() < 8) return Fail("sent a malformed GOAWAY");
      return Fail("the server sent GOAWAY, error " + std::to_string(ReadBytes(frame.payload, 4, 4)) +
                  ": " + std::string(frame.payload.substr(8)));
    case kWindowUpdate:
      return OnWindowUpdate(frame);
    default:  // PRIORITY, and what is unknown
      return true;
  }
}

// Null for one that has ended: a server may reset it still.
Rpc* Connection::Find(uint32_t stream) const {
  auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second;
}

void Connection::End(uint32_t stream, std::vector<Rpc*>* ended) {
  auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  Rpc* rpc = found->second;
  if (rpc->error.empty()) rpc->error = Verdict(*rpc);
  ended->push_back(rpc);
  streams_.erase(found);
}

bool Connection::OnData(Frame frame, std::vector<Rpc*>* ended) {
  consumed_ += static_cast<uint32_t>(frame.payload.size());
  if (!Strip(frame.flags, false, &frame.payload)) return Fail("sent malformed DATA");
  if (Rpc* rpc = Find(frame.stream); rpc != nullptr) {
    if (rpc->body.size() + frame.payload.size() > kStreamWindow) {
      return Fail("sent more than the window of a call");
    }
    rpc->body += frame.payload;
  }
  if (frame.flags & kEndStream) End(frame.stream, ended);
  return true;
}

// Decodes them whosever they are: what they put into the table is for all.
bool Connection::OnHeaders(Frame frame, std::vector<Rpc*>* ended) {
  Rpc* rpc = Find(frame.stream);
  const bool whole = frame.flags & kEndHeaders;
  auto* at = reinterpret_cast<const uint8_t*>(frame.payload.data());
  size_t left = frame.payload.size();
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, whole);
    if (used < 0) return Fail(nghttp2_strerror(static_cast<int>(used)));
    at += used;
    left -= static_cast<size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) && rpc != nullptr) {
      TakeField({reinterpret_cast<char*>(field.name), field.namelen},
                {reinterpret_cast<char*>(field.value), field.valuelen}, rpc);
    }
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && left == 0) break;
  }
  if (!whole) return true;
  nghttp2_hd_inflate_end_headers(inflater_);
  block_stream_ = 0;
  if (block_ends_) End(frame.stream, ended);
  return true;
}

bool Connection::OnReset(Frame frame, std::vector<Rpc*>* ended) {
  if (frame.payload.size() != 4) return Fail("sent a malformed RST_STREAM");
  if (Rpc* rpc = Find(frame.stream); rpc != nullptr) {
    rpc->error = "the call was reset, error " + std::to_string(ReadBytes(frame.payload, 0, 4));
    End(frame.stream, ended);
  }
  return true;
}

bool Connection::OnSettings(Frame frame) {
  if (frame.flags & kAck) return true;
  if (frame.payload.size() % 6 != 0) return Fail("sent malformed SETTINGS");
  for (size_t at = 0; at < frame.payload.size(); at += 6) {
    const uint32_t value = ReadBytes(frame.payload, at + 2, 4);
    switch (ReadBytes(frame.payload, at, 2)) {
      case kTableSize:
        // Calls repeat what is in the table, so it must not shrink under them.
        if (value < table_bytes_ || (settled_ && value < table_limit_)) {
          return Fail("takes a header table of only " + std::to_string(value) + " bytes");
        }
        table_limit_ = std::min(value, 4096u);
        break;
      case kConcurrentStreams:
        stream_limit_ = value;
        break;
      case kInitialWindow:
        stream_window_ = value;
        break;
      default:
        break;
    }
  }
  settled_ = true;
  PutFrame(0, kSettings, kAck, 0);
  return true;
}

bool Connection::OnWindowUpdate(Frame frame) {
  if (frame.payload.size() != 4) return Fail("sent a malformed WINDOW_UPDATE");
  if (frame.stream == 0) window_ += ReadBytes(frame.payload, 0, 4) & kMaxStream;
  return true;
}

}  // namespace storegate::bench

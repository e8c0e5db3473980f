#include "bench/load/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace storegate::bench {
namespace {

constexpr size_t kMaxFrame = 16384;  // neither side asks for more
constexpr size_t kRead = 256 << 10;
constexpr uint32_t kStreamWindow = 16 << 20;  // an answer is not longer
constexpr uint32_t kConnectionWindow = 64 << 20;

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

void Connection::PutPreface() {
  out_ += "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  PutFrame(12, kSettings, 0, 0, &out_);
  PutNumber(kEnablePush, 2, &out_);
  PutNumber(0, 4, &out_);
  PutNumber(kInitialWindow, 2, &out_);
  PutNumber(kStreamWindow, 4, &out_);
  PutFrame(4, kWindowUpdate, 0, 0, &out_);
  PutNumber(kConnectionWindow - 65535, 4, &out_);
}

void Connection::Start(Rpc* rpc) {
  rpc->Clear();
  waiting_.push_back(rpc);
}

void Connection::PutRequest(Rpc* rpc) {
  if (next_stream_ == 1) {
    // RFC 7541, 4.2: a smaller table is acknowledged where headers begin.
    std::string smaller;
    if (table_limit_ < 4096) PutInteger(0x20, 5, table_limit_, &smaller);
    PutFrame(smaller.size() + first_headers_.size(), kHeaders, kEndHeaders, next_stream_, &out_);
    out_ += smaller;
    out_ += first_headers_;
  } else {
    PutFrame(headers_.size(), kHeaders, kEndHeaders, next_stream_, &out_);
    out_ += headers_;
  }
  PutFrame(Rpc::kPrefix + rpc->request.size(), kData, kEndStream, next_stream_, &out_);
  out_.push_back(0);  // not compressed
  PutNumber(static_cast<uint32_t>(rpc->request.size()), 4, &out_);
  out_ += rpc->request;
  streams_.emplace(next_stream_, rpc);
  next_stream_ += 2;
}

// A request goes out whole, in one frame, or not at all: no stream's window is kept.
bool Connection::StartWaiting() {
  while (settled_ && !waiting_.empty() && streams_.size() < stream_limit_) {
    Rpc* rpc = waiting_.front();
    const size_t size = Rpc::kPrefix + rpc->request.size();
    if (size > kMaxFrame) return Fail("is sent no request of " + std::to_string(size) + " bytes");
    if (next_stream_ > kMaxStream) return Fail("has had all calls that a connection can have");
    const auto needed = static_cast<int64_t>(size);
    if (needed > window_ || needed > stream_window_) break;
    window_ -= needed;
    PutRequest(rpc);
    waiting_.pop_front();
  }
  return true;
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
  if (!failure_.empty() || !StartWaiting()) return false;
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
    const size_t length = ReadNumber(rest, 0, 3);
    if (length > kMaxFrame) return Fail("sent a frame of " + std::to_string(length) + " bytes");
    if (rest.size() < kFrameHeader + length) break;
    const Frame frame{static_cast<uint8_t>(rest[3]), static_cast<uint8_t>(rest[4]),
                      ReadNumber(rest, 5, 4) & kMaxStream, rest.substr(kFrameHeader, length)};
    if (!OnFrame(frame, ended)) return false;
    rest.remove_prefix(kFrameHeader + length);
  }
  kept_ = rest.size();
  if (kept_ > 0) std::memmove(in_.get(), rest.data(), kept_);

  if (consumed_ >= kConnectionWindow / 4) {
    PutFrame(4, kWindowUpdate, 0, 0, &out_);
    PutNumber(consumed_, 4, &out_);
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
      if (!Strip(&frame)) return Fail("sent malformed HEADERS");
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
      PutFrame(8, kPing, kAck, 0, &out_);
      out_ += frame.payload;
      return true;
    case kGoAway:
      if (frame.payload.size() < 8) return Fail("sent a malformed GOAWAY");
      return Fail("the server sent GOAWAY, error " +
                  std::to_string(ReadNumber(frame.payload, 4, 4)) + ": " +
                  std::string(frame.payload.substr(8)));
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
  if (rpc->error.empty()) rpc->Judge();
  ended->push_back(rpc);
  streams_.erase(found);
}

bool Connection::OnData(Frame frame, std::vector<Rpc*>* ended) {
  consumed_ += static_cast<uint32_t>(frame.payload.size());
  if (!Strip(&frame)) return Fail("sent malformed DATA");
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
      rpc->TakeField({reinterpret_cast<char*>(field.name), field.namelen},
                     {reinterpret_cast<char*>(field.value), field.valuelen});
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
    rpc->error = "the call was reset, error " + std::to_string(ReadNumber(frame.payload, 0, 4));
    End(frame.stream, ended);
  }
  return true;
}

bool Connection::OnSettings(Frame frame) {
  if (frame.flags & kAck) return true;
  if (frame.payload.size() % 6 != 0) return Fail("sent malformed SETTINGS");
  for (size_t at = 0; at < frame.payload.size(); at += 6) {
    const uint32_t value = ReadNumber(frame.payload, at + 2, 4);
    switch (ReadNumber(frame.payload, at, 2)) {
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
  PutFrame(0, kSettings, kAck, 0, &out_);
  return true;
}

bool Connection::OnWindowUpdate(Frame frame) {
  if (frame.payload.size() != 4) return Fail("sent a malformed WINDOW_UPDATE");
  if (frame.stream == 0) window_ += ReadNumber(frame.payload, 0, 4) & kMaxStream;
  return true;
}

}  // namespace storegate::bench

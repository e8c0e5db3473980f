#include "tests/support/mongodb_wire.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <sys/socket.h>
#include <sys/types.h>

namespace storegate::test {
namespace {

constexpr int32_t kReply = 1, kQuery = 2004, kMessage = 2013;
constexpr int32_t kHeaderBytes = 16, kMessageBytesMax = 48000000;
constexpr uint32_t kChecksumPresent = 1, kMoreToCome = 2;

using Bytes = std::vector<uint8_t>;

bool Receive(int fd, uint8_t* to, size_t size) {
  while (size > 0) {
    const ssize_t got = recv(fd, to, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool Send(int fd, const Bytes& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t now = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) return false;
    sent += static_cast<size_t>(now);
  }
  return true;
}

template <typename Number>
void Put(Bytes* to, Number number) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&number);  // little endian, as MongoDB
  to->insert(to->end(), bytes, bytes + sizeof(number));
}

void Put(Bytes* to, const bson_t& document) {
  const uint8_t* bytes = bson_get_data(&document);
  to->insert(to->end(), bytes, bytes + document.len);
}

// Takes parts off the front; good while everything fitted.
class Reader {
 public:
  Reader(const uint8_t* at, size_t size) : at_(at), end_(at + size) {}
  bool good() const { return good_; }
  bool done() const { return at_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }

  template <typename Number>
  Number Take() {
    Number number = 0;
    const uint8_t* from = Bytes(sizeof(number));
    if (from != nullptr) std::memcpy(&number, from, sizeof(number));
    return number;
  }
  const char* Text() {
    const void* zero = done() ? nullptr : std::memchr(at_, 0, left());
    if (zero == nullptr) good_ = false;
    if (!good_) return "";
    const char* text = reinterpret_cast<const char*>(at_);
    at_ = static_cast<const uint8_t*>(zero) + 1;
    return text;
  }
  // The document shows the reader's bytes.
  bool Document(bson_t* document) {
    int32_t size = 0;
    if (left() >= sizeof(size)) std::memcpy(&size, at_, sizeof(size));
    const uint8_t* from = size >= 5 ? Bytes(static_cast<size_t>(size)) : nullptr;
    good_ = good_ && from != nullptr && bson_init_static(document, from, static_cast<size_t>(size));
    return good_;
  }
  Reader Part(size_t size) {
    const uint8_t* from = Bytes(size);
    return Reader(from, from == nullptr ? 0 : size);
  }

 private:
  const uint8_t* Bytes(size_t size) {
    if (!good_ || size > left()) {
      good_ = false;
      return nullptr;
    }
    at_ += size;
    return at_ - size;
  }

  const uint8_t* at_;
  const uint8_t* end_;
  bool good_ = true;
};

// A section of kind 1: the documents of one of the command's arrays.
bool AppendSequence(Reader* in, bson_t* document) {
  const int32_t size = in->Take<int32_t>();
  if (size < 5) return false;
  Reader part = in->Part(static_cast<size_t>(size) - sizeof(size));
  const std::string name = part.Text();
  bson_t array, one;
  bson_append_array_begin(document, name.c_str(), -1, &array);
  for (uint32_t i = 0; part.good() && !part.done() && part.Document(&one); ++i) {
    bson_append_document(&array, std::to_string(i).c_str(), -1, &one);
  }
  bson_append_array_end(document, &array);
  return in->good() && part.good();
}

bool ReadMessage(Reader in, WireCommand* command) {
  const uint32_t flags = in.Take<uint32_t>();
  command->wants_no_reply = (flags & kMoreToCome) != 0;
  const size_t behind = (flags & kChecksumPresent) != 0 ? 4 : 0;
  bool has_body = false;
  while (in.good() && in.left() > behind) {
    const uint8_t kind = in.Take<uint8_t>();
    bson_t body;
    if (kind == 0 && !has_body && in.Document(&body)) {
      // It may come behind sequences, and the command's name stands first in it.
      bson_t all;
      bson_copy_to(&body, &all);
      bson_concat(&all, &command->document);
      bson_destroy(&command->document);
      bson_steal(&command->document, &all);
      has_body = true;
    } else if (kind != 1 || !AppendSequence(&in, &command->document)) {
      return false;
    }
  }
  return in.good() && has_body;
}

bool ReadQuery(Reader in, WireCommand* command) {
  command->legacy = true;
  in.Take<int32_t>();  // flags
  const std::string collection = in.Text();
  in.Take<int32_t>();  // how many to skip
  in.Take<int32_t>();  // how many to return
  bson_t query;
  if (!in.Document(&query)) return false;
  bson_destroy(&command->document);
  bson_copy_to(&query, &command->document);
  if (!bson_has_field(&query, "$db")) {
    const std::string database = collection.substr(0, collection.find('.'));
    BSON_APPEND_UTF8(&command->document, "$db", database.c_str());
  }
  return true;
}

bool SendMessage(int fd, int32_t response_to, const bson_t& document) {
  Bytes message;
  message.reserve(kHeaderBytes + 5 + document.len);
  Put(&message, static_cast<int32_t>(kHeaderBytes + 5 + document.len));
  Put(&message, int32_t{1});
  Put(&message, response_to);
  Put(&message, kMessage);
  Put(&message, uint32_t{0});
  Put(&message, uint8_t{0});
  Put(&message, document);
  return Send(fd, message);
}

}  // namespace

bool ReadWireCommand(int fd, WireCommand* command) {
  int32_t header[4];
  if (!Receive(fd, reinterpret_cast<uint8_t*>(header), sizeof(header))) return false;
  if (header[0] <= kHeaderBytes || header[0] > kMessageBytesMax) return false;
  command->request_id = header[1];
  Bytes rest(static_cast<size_t>(header[0] - kHeaderBytes));
  if (!Receive(fd, rest.data(), rest.size())) return false;
  const Reader in(rest.data(), rest.size());
  if (header[3] == kMessage) return ReadMessage(in, command);
  return header[3] == kQuery && ReadQuery(in, command);
}

bool WriteWireReply(int fd, const WireCommand& command, const bson_t& reply) {
  if (!command.legacy) return SendMessage(fd, command.request_id, reply);
  Bytes message;
  constexpr int32_t kBefore = kHeaderBytes + 20;
  Put(&message, static_cast<int32_t>(kBefore + reply.len));
  Put(&message, int32_t{1});
  Put(&message, command.request_id);
  Put(&message, kReply);
  Put(&message, int32_t{8});  // flags: AwaitCapable
  Put(&message, int64_t{0});  // cursor
  Put(&message, int32_t{0});  // starting from
  Put(&message, int32_t{1});  // documents
  Put(&message, reply);
  return Send(fd, message);
}

bool CallWire(int fd, const bson_t& command, bson_t* reply) {
  WireCommand answer;
  if (!SendMessage(fd, 0, command) || !ReadWireCommand(fd, &answer)) return false;
  bson_copy_to(&answer.document, reply);
  return true;
}

}  // namespace storegate::test

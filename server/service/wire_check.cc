#include "server/service/wire_check.h"

#include <cstdint>
#include <limits>
#include <string>

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "server/base/text.h"
#include "server/base/wire.h"
#include "server/service/reasons.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// One field as it stands on the wire.
struct Token {
  uint32_t number = 0;
  uint32_t type = 0;
  uint64_t varint = 0;       // kVarint
  std::string_view content;  // kLength
};

// Reads one field and moves `in` past it. False when it is no field.
bool ReadToken(std::string_view* in, Token* token) {
  uint64_t tag;
  if (!wire::ReadVarint(in, &tag) || tag > std::numeric_limits<uint32_t>::max()) return false;
  token->number = static_cast<uint32_t>(tag >> 3);
  token->type = static_cast<uint32_t>(tag & 7);
  if (token->number == 0) return false;
  size_t size = 0;
  switch (token->type) {
    case wire::kVarint: return wire::ReadVarint(in, &token->varint);
    case wire::kFixed64: size = 8; break;
    case wire::kFixed32: size = 4; break;
    case wire::kLength: {
      uint64_t length;
      if (!wire::ReadVarint(in, &length) || length > in->size()) return false;
      size = static_cast<size_t>(length);
      break;
    }
    default: return false;  // groups, which proto3 does not have, and nonsense
  }
  if (size > in->size()) return false;
  token->content = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

uint32_t ExpectedType(const FieldDescriptor* field) {
  using google::protobuf::internal::WireFormatLite;
  return WireFormatLite::WireTypeForFieldType(
      static_cast<WireFormatLite::FieldType>(field->type()));
}

std::string_view TypeName(uint32_t type) {
  switch (type) {
    case wire::kVarint: return "a varint";
    case wire::kFixed64: return "64 bits";
    case wire::kFixed32: return "32 bits";
    default: return "length-delimited";
  }
}

// Where the walk is. Its text is worked out only for an error.
struct Frame {
  const Frame* parent;
  const FieldDescriptor* field;  // of the parent's message
  std::string_view outer;        // the parent's bytes
  size_t at;                     // where this field's tag is in them
};

std::string EntryKey(std::string_view entry, const Descriptor& type) {
  const FieldDescriptor* key = type.map_key();
  Token token;
  std::string text = key->type() == FieldDescriptor::TYPE_STRING ? Quoted("") : "0";
  while (!entry.empty() && ReadToken(&entry, &token)) {
    if (token.number != 1) continue;
    if (token.type == wire::kLength) text = Quoted(token.content);
    if (token.type == wire::kVarint) text = std::to_string(static_cast<int64_t>(token.varint));
  }
  return text;
}

std::string PathOf(const Frame* frame) {
  if (frame == nullptr) return "";
  std::string out = PathOf(frame->parent);
  const FieldDescriptor* field = frame->field;
  // Inside a map's entry: its path ends in the key already.
  if (field->containing_type()->options().map_entry()) return out;
  if (!out.empty()) out += '.';
  out += field->name();
  if (!field->is_repeated()) return out;
  std::string_view in = frame->outer;
  Token token;
  for (size_t index = 0; ReadToken(&in, &token);) {
    const size_t end = frame->outer.size() - in.size();
    if (token.number != static_cast<uint32_t>(field->number())) continue;
    if (end <= frame->at) {
      ++index;
      continue;
    }
    if (field->is_map()) return out + "[" + EntryKey(token.content, *field->message_type()) + "]";
    return out + "[" + std::to_string(index) + "]";
  }
  return out;
}

class Checker {
 public:
  Checker(std::string_view all, const WireLimits& limits) : all_(all), limits_(limits) {}

  Status Check(std::string_view bytes, const Descriptor& type, const Frame* frame, size_t depth);
  Status CheckCounts() const;

 private:
  size_t Offset(std::string_view rest) const {
    return static_cast<size_t>(rest.data() - all_.data());
  }
  Status Malformed(const Frame* frame, std::string_view at) const {
    return Invalid(PathOf(frame),
                   "not well-formed at byte " + std::to_string(Offset(at)) + " of the request",
                   reason::kMalformedRequest);
  }
  Status CheckPacked(std::string_view content, uint32_t type, const Frame* frame);

  const std::string_view all_;
  const WireLimits& limits_;
  size_t messages_ = 0;
  size_t elements_ = 0;
};

Status Checker::CheckPacked(std::string_view content, uint32_t type, const Frame* frame) {
  if (type == wire::kVarint) {
    uint64_t value;
    while (!content.empty()) {
      const std::string_view at = content;
      if (!wire::ReadVarint(&content, &value)) return Malformed(frame, at);
      ++elements_;
    }
    return {};
  }
  const size_t width = type == wire::kFixed64 ? 8 : 4;
  if (content.size() % width != 0) return Malformed(frame, content);
  elements_ += content.size() / width;
  return {};
}

Status Checker::Check(std::string_view bytes, const Descriptor& type, const Frame* frame,
                      size_t depth) {
  if (depth > limits_.max_nesting) {
    return Invalid(PathOf(frame),
                   "messages are nested deeper than " + std::to_string(limits_.max_nesting) +
                       " levels, entries of maps and values of Structs included",
                   reason::kNestedTooDeep);
  }
  std::string_view in = bytes;
  Token token;
  while (!in.empty()) {
    const std::string_view start = in;
    if (!ReadToken(&in, &token)) return Malformed(frame, start);
    const auto number = static_cast<int>(token.number);
    const FieldDescriptor* field = type.FindFieldByNumber(number);
    if (field == nullptr) {
      if (!limits_.refuse_unknown) continue;
      return Invalid(PathOf(frame),
                     "field number " + std::to_string(number) + " is not known in " +
                         type.full_name(),
                     reason::kUnknownField);
    }
    const Frame here{frame, field, bytes, bytes.size() - start.size()};
    const uint32_t expected = ExpectedType(field);
    if (field->is_packable() && token.type == wire::kLength) {
      if (Status status = CheckPacked(token.content, expected, &here); !status.ok()) return status;
      continue;
    }
    if (token.type != expected) {
      return Invalid(PathOf(&here),
                     "sent as " + std::string(TypeName(token.type)) + ", but the field is " +
                         std::string(TypeName(expected)) + " (" + field->type_name() + ")",
                     reason::kWrongType);
    }
    if (field->is_repeated()) ++elements_;
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      if (size_t bad = FindInvalidUtf8(token.content); bad != std::string_view::npos) {
        return Invalid(PathOf(&here),
                       "not UTF-8 at byte " + std::to_string(bad) + " of its " +
                           std::to_string(token.content.size()),
                       reason::kInvalidUtf8);
      }
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      ++messages_;
      Status status = Check(token.content, *field->message_type(), &here, depth + 1);
      if (!status.ok()) return status;
    }
  }
  return {};
}

Status Checker::CheckCounts() const {
  const bool messages = messages_ > kMaxMessages;
  if (!messages && elements_ <= kMaxElements) return {};
  const std::string what = messages ? "messages" : "elements of lists and maps";
  const size_t limit = messages ? kMaxMessages : kMaxElements;
  const size_t actual = messages ? messages_ : elements_;
  Status status(Code::kResourceExhausted, reason::kTooManyElements,
                "the request holds " + std::to_string(actual) + " " + what + "; at most " +
                    std::to_string(limit) + " are taken");
  status.With("limit", std::to_string(limit)).With("actual", std::to_string(actual));
  return status;
}

// Items of the batch, counted without looking into them; more than there are
// where the bytes turn out to be malformed later.
size_t CountItems(std::string_view in, const FieldDescriptor* batch) {
  size_t count = 0;
  Token token;
  while (!in.empty() && ReadToken(&in, &token)) {
    if (token.number != static_cast<uint32_t>(batch->number())) continue;
    if (!batch->is_packable() || token.type != wire::kLength) {
      ++count;
    } else if (ExpectedType(batch) == wire::kVarint) {
      for (char c : token.content) count += (c & 0x80) == 0;
    } else {
      count += token.content.size() / (ExpectedType(batch) == wire::kFixed64 ? 8 : 4);
    }
  }
  return count;
}

}  // namespace

Status CheckWire(std::string_view bytes, const Descriptor& type, const WireLimits& limits) {
  if (limits.batch != nullptr) {
    const size_t items = CountItems(bytes, limits.batch);
    if (items > limits.max_batch) {
      Status status = Invalid(limits.batch->name(),
                              "has " + std::to_string(items) + " items; at most " +
                                  std::to_string(limits.max_batch) + " are taken",
                              reason::kBatchTooLarge);
      status.With("limit", std::to_string(limits.max_batch)).With("actual", std::to_string(items));
      return status;
    }
  }
  Checker checker(bytes, limits);
  if (Status status = checker.Check(bytes, type, nullptr, 1); !status.ok()) return status;
  return checker.CheckCounts();
}

google::protobuf::Message* ParseChecked(std::string_view bytes,
                                        const google::protobuf::Message& prototype,
                                        google::protobuf::Arena* arena) {
  google::protobuf::Message* message = prototype.New(arena);
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  // CheckWire bounded the nesting already.
  stream.SetRecursionLimit(std::numeric_limits<int>::max());
  message->MergeFromCodedStream(&stream);
  return message;
}

}  // namespace storegate::service

// Walks the fields of a message's wire bytes, without looking into them.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/base/wire.h"

namespace storegate::wire {

struct Field {
  uint64_t number = 0;
  uint32_t type = 0;         // Type
  uint64_t varint = 0;       // of kVarint
  std::string_view content;  // of kLength
  std::string_view whole;    // tag and all
};

// Takes the next field off `in`. False at the end, and where the bytes are no message.
inline bool NextField(std::string_view* in, Field* field) {
  const char* const begin = in->data();
  uint64_t tag;
  if (in->empty() || !ReadVarint(in, &tag)) return false;
  field->number = tag >> 3;
  field->type = static_cast<uint32_t>(tag & 7);
  uint64_t length = 0;
  switch (field->type) {
    case kVarint:
      if (!ReadVarint(in, &field->varint)) return false;
      break;
    case kLength:
      if (!ReadVarint(in, &length)) return false;
      break;
    case kFixed64: length = 8; break;
    case kFixed32: length = 4; break;
    default: return false;
  }
  if (length > in->size()) return false;
  field->content = in->substr(0, static_cast<size_t>(length));
  in->remove_prefix(static_cast<size_t>(length));
  field->whole = {begin, static_cast<size_t>(in->data() - begin)};
  return true;
}

}  // namespace storegate::wire

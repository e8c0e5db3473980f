#include "server/base/wire.h"

#include <bit>

namespace storegate::wire {

static_assert(std::endian::native == std::endian::little, "fixed32 and fixed64 are copied as is");

size_t Begin(int number, std::string* out) {
  AppendVarint(Tag(number, kLength), out);
  out->push_back('\0');
  return out->size();
}

void End(size_t start, std::string* out) {
  const size_t length = out->size() - start;
  if (length < 0x80) {
    (*out)[start - 1] = static_cast<char>(length);
    return;
  }
  std::string prefix;
  AppendVarint(length, &prefix);
  out->replace(start - 1, 1, prefix);
}

bool ReadVarint(std::string_view* in, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const uint8_t byte = static_cast<uint8_t>((*in)[i]);
    if (i == 9 && byte > 1) return false;  // more than 64 bits
    result |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      in->remove_prefix(i + 1);
      *value = result;
      return true;
    }
  }
  return false;
}

}  // namespace storegate::wire

#include "bench/load/frames.h"

namespace storegate::bench {

uint32_t ReadNumber(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = at; i < at + count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

void PutNumber(uint32_t value, size_t count, std::string* out) {
  while (count-- > 0) out->push_back(static_cast<char>(value >> (8 * count)));
}

void PutFrame(size_t length, uint8_t type, uint8_t flags, uint32_t stream, std::string* out) {
  const char header[kFrameHeader] = {
      static_cast<char>(length >> 16), static_cast<char>(length >> 8),
      static_cast<char>(length),       static_cast<char>(type),
      static_cast<char>(flags),        static_cast<char>(stream >> 24),
      static_cast<char>(stream >> 16), static_cast<char>(stream >> 8),
      static_cast<char>(stream)};
  out->append(header, sizeof header);
}

bool Strip(Frame* frame) {
  std::string_view& payload = frame->payload;
  size_t padding = 0;
  if (frame->flags & kPadded) {
    if (payload.empty()) return false;
    padding = static_cast<uint8_t>(payload.front());
    payload.remove_prefix(1);
  }
  const size_t before = frame->type == kHeaders && (frame->flags & kPriority) ? 5 : 0;
  if (payload.size() < before + padding) return false;
  payload.remove_prefix(before);
  payload.remove_suffix(padding);
  return true;
}

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

}  // namespace storegate::bench

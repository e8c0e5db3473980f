#include "bench/load/digest.h"

#include <cstring>

namespace storegate::bench {
namespace {

constexpr int kMaxDepth = 32;

uint64_t Mix(uint64_t x) {
  x *= 0x9E3779B97F4A7C15u;
  return x ^ (x >> 29);
}

uint64_t Hash(std::string_view bytes, uint64_t seed) {
  uint64_t hash = Mix(seed ^ bytes.size());
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash = Mix(hash ^ word);
    bytes.remove_prefix(8);
  }
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  return Mix(hash ^ word);
}

bool TakeVarint(std::string_view* rest, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !rest->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest->front());
    rest->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

uint64_t DigestStruct(std::string_view wire, int depth);

// A google.protobuf.Value: 5 is a Struct, 6 a list, the others are scalars.
uint64_t DigestValue(std::string_view wire, int depth) {
  uint64_t sum = 0;
  WireField field;
  while (TakeField(&wire, &field)) {
    if (field.number == 5) {
      sum += Mix(DigestStruct(field.payload, depth + 1) + 5);
    } else if (field.number == 6) {
      uint64_t place = 6;
      WireField item;
      while (depth < kMaxDepth && TakeField(&field.payload, &item)) {
        sum += Mix(DigestValue(item.payload, depth + 1) + place++);
      }
    } else {
      sum += Hash(field.payload, field.number);
    }
  }
  return sum;
}

uint64_t DigestStruct(std::string_view wire, int depth) {
  uint64_t sum = 1;
  if (depth > kMaxDepth) return sum;
  WireField entry;
  while (TakeField(&wire, &entry)) {
    uint64_t key = 0, value = 0;
    WireField part;
    while (TakeField(&entry.payload, &part)) {
      if (part.number == 1) key = Hash(part.payload, 1);
      if (part.number == 2) value = DigestValue(part.payload, depth);
    }
    sum += Mix(key ^ Mix(value));
  }
  return sum;
}

}  // namespace

bool TakeField(std::string_view* rest, WireField* field) {
  uint64_t tag = 0;
  if (rest->empty() || !TakeVarint(rest, &tag)) return false;
  field->number = static_cast<uint32_t>(tag >> 3);
  field->type = tag & 7;
  uint64_t size = 0;
  switch (field->type) {
    case 0: {
      const char* begin = rest->data();
      if (!TakeVarint(rest, &size)) return false;
      field->payload = std::string_view(begin, rest->data() - begin);
      return true;
    }
    case 1: size = 8; break;
    case 2:
      if (!TakeVarint(rest, &size)) return false;
      break;
    case 5: size = 4; break;
    default: return false;
  }
  if (size > rest->size()) return false;
  field->payload = rest->substr(0, size);
  rest->remove_prefix(size);
  return true;
}

ProductDigest DigestProduct(std::string_view wire) {
  ProductDigest digest;
  uint64_t place = 0;  // of an item of a repeated field
  WireField field;
  while (TakeField(&wire, &field)) {
    const uint64_t seed = field.number << 3 | field.type;
    switch (field.number) {
      case 1: digest.id = field.payload; break;
      case 6:
      case 7: digest.content += Hash(field.payload, seed + (++place << 8)); break;
      case 11: digest.content += Mix(DigestStruct(field.payload, 0)); break;
      case 12:
        digest.created = true;
        digest.stamps += Hash(field.payload, seed);
        break;
      case 13:
        digest.updated = true;
        digest.stamps += Hash(field.payload, seed);
        break;
      case 14: digest.deleted = true; break;
      case 15:
        digest.tagged = !field.payload.empty();
        digest.stamps += Hash(field.payload, seed);
        break;
      default: digest.content += Hash(field.payload, seed);
    }
  }
  digest.readable = wire.empty();
  return digest;
}

}  // namespace storegate::bench

// Digests of a product's wire bytes, so that an answer is compared without being
// parsed. Two encodings of one product have the same digest whatever the order
// of their fields and map entries, which is all in which good encoders differ.
#pragma once

#include <cstdint>
#include <string_view>

namespace storegate::bench {

struct ProductDigest {
  bool readable = false;  // false: not wire bytes
  std::string_view id;    // points into the bytes
  uint64_t content = 0;   // all but the id and what follows
  uint64_t stamps = 0;    // create_time, update_time, delete_time, etag
  bool created = false, updated = false, deleted = false, tagged = false;  // which of them are set
};

ProductDigest DigestProduct(std::string_view wire);

// One field of a message. `payload` is what a length-delimited field holds, or
// the bytes of a number.
struct WireField {
  uint32_t number = 0;
  uint32_t type = 0;
  std::string_view payload;
};

// Takes the next field off `rest`; false where there is none that can be read.
bool TakeField(std::string_view* rest, WireField* field);

}  // namespace storegate::bench

// The part of text.h that is about encodings of bytes: base64, UUID, ObjectId, etag.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>

#include <sodium.h>

#include "server/base/text.h"
#include "server/base/time.h"

namespace storegate {
namespace {

constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrlSafe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kHexDigits[] = "0123456789abcdef";

void AppendHex(uint8_t byte, std::string* out) {
  out->push_back(kHexDigits[byte >> 4]);
  out->push_back(kHexDigits[byte & 0xF]);
}

std::string Encode(std::string_view bytes, const char* alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(bytes.size() - i, 3);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < left ? static_cast<uint8_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < left + 1; ++j) out.push_back(alphabet[group >> (18 - 6 * j) & 0x3F]);
    if (padded) out.append(3 - left, '=');
  }
  return out;
}

// The six bits of a digit of either alphabet; -1 when it is none.
int DigitValue(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

void RandomBytes(void* out, size_t size) {
  static const int ready = sodium_init();
  if (ready < 0) std::abort();  // no source of randomness: nothing can be right
  randombytes_buf(out, size);
}

}  // namespace

std::string Base64(std::string_view bytes) { return Encode(bytes, kStandard, true); }
std::string Base64Url(std::string_view bytes) { return Encode(bytes, kUrlSafe, false); }

std::optional<std::string> Base64Decode(std::string_view text) {
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int count = 0;
  bool standard = false, url_safe = false;
  for (const char c : text) {
    const int value = DigitValue(c);
    if (value < 0) return std::nullopt;
    standard |= c == '+' || c == '/';
    url_safe |= c == '-' || c == '_';
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xFF));
    }
  }
  if (standard && url_safe) return std::nullopt;
  // One text for each content: bits behind the last byte are zero.
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return out;
}

bool IsCanonicalUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsLowerHex(text[i])) return false;
  }
  return true;
}

// RFC 9562, section 6.2, method 1: the 12 bits of rand_a and the first 14 of
// rand_b are a counter. It starts anywhere in its lower half each millisecond,
// so it has 33 million to go; past that, and when the clock goes back, time is
// taken from the last id.
std::string NewUuidV7() {
  static std::mutex mutex;
  static int64_t last_millis = 0;
  static uint32_t counter = 0;

  struct {
    uint32_t start;
    uint8_t tail[6];
  } random;
  RandomBytes(&random, sizeof(random));
  int64_t millis = NowMillis();
  uint32_t count;
  {
    std::lock_guard lock(mutex);
    if (millis > last_millis) {
      counter = random.start & 0x1FFFFFF;
    } else {
      millis = last_millis;
      if (++counter > 0x3FFFFFF) {
        ++millis;
        counter = random.start & 0x1FFFFFF;
      }
    }
    last_millis = millis;
    count = counter;
  }
  std::array<uint8_t, 16> bytes;
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<uint8_t>(millis >> (40 - 8 * i));
  bytes[6] = static_cast<uint8_t>(0x70 | count >> 22);
  bytes[7] = static_cast<uint8_t>(count >> 14);
  bytes[8] = static_cast<uint8_t>(0x80 | (count >> 8 & 0x3F));
  bytes[9] = static_cast<uint8_t>(count);
  for (int i = 0; i < 6; ++i) bytes[10 + i] = random.tail[i];

  std::string out;
  out.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    AppendHex(bytes[i], &out);
  }
  return out;
}

bool IsObjectId(std::string_view text) {
  return text.size() == 24 && std::ranges::all_of(text, IsLowerHex);
}

std::string NewObjectId() {
  struct Start {
    uint8_t process[5];
    uint32_t counter;
    Start() {
      RandomBytes(process, sizeof(process));
      RandomBytes(&counter, sizeof(counter));
      counter &= 0x7FFFFF;  // eight million to go before it begins at 0
    }
  };
  static const Start start;
  static std::atomic<uint32_t> made{0};
  const auto seconds = static_cast<uint32_t>(NowMillis() / 1000);
  const uint32_t count = start.counter + made.fetch_add(1, std::memory_order_relaxed);
  std::array<uint8_t, 12> bytes;
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(seconds >> (24 - 8 * i));
  std::copy_n(start.process, 5, bytes.begin() + 4);
  for (int i = 0; i < 3; ++i) bytes[9 + i] = static_cast<uint8_t>(count >> (16 - 8 * i));
  std::string out;
  out.reserve(24);
  for (const uint8_t byte : bytes) AppendHex(byte, &out);
  return out;
}

int64_t NewVersion() {
  int64_t version = 0;
  while (version == 0) {
    RandomBytes(&version, sizeof(version));
    version &= INT64_MAX;
  }
  return version;
}

std::string FormatEtag(int64_t version) {
  std::string out(16, '0');
  uint64_t rest = static_cast<uint64_t>(version);
  for (int i = 15; i >= 0; --i, rest >>= 4) out[i] = kHexDigits[rest & 0xF];
  return out;
}

std::optional<int64_t> ParseEtag(std::string_view etag) {
  if (etag.size() != 16) return std::nullopt;
  uint64_t version = 0;
  for (const char c : etag) {
    if (!IsLowerHex(c)) return std::nullopt;
    version = version << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return static_cast<int64_t>(version);
}

}  // namespace storegate

#include "server/query/page_token.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <sodium.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/base/wire.h"

// Before sealing:
//   version       1 byte, kVersion
//   fingerprint   kFingerprintBytes, BLAKE2b of the request's
//   values        each a byte of Kind and: kInt64 a zigzag varint; kDouble 8 bytes;
//                 kText, kBytes a varint of the length and the bytes
// Sealed: 24 bytes of nonce, the above encrypted, 16 bytes of tag.
namespace storegate::query {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kFingerprintBytes = 16;
constexpr size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(TokenSealer::kKeyBytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

enum Kind : uint8_t { kNull, kFalse, kTrue, kInt64, kDouble, kText, kBytes };

void InitSodium() {
  static const int ready = sodium_init();
  if (ready < 0) std::abort();  // no source of randomness: nothing can be right
}

const unsigned char* Data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string Hash(std::string_view bytes, size_t size, std::string_view domain) {
  InitSodium();
  std::string out(size, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), size, Data(bytes), bytes.size(),
                     Data(domain), domain.size());
  return out;
}

std::string HashFingerprint(std::string_view fingerprint) {
  return Hash(fingerprint, kFingerprintBytes, "storegate page request");
}

void AppendSized(Kind kind, const std::string& bytes, std::string* out) {
  out->push_back(static_cast<char>(kind));
  wire::AppendVarint(bytes.size(), out);
  *out += bytes;
}

void AppendValue(const Value& value, std::string* out) {
  if (IsNull(value)) {
    out->push_back(kNull);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out->push_back(*flag ? kTrue : kFalse);
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    out->push_back(kInt64);
    wire::AppendVarint(wire::ZigZag(*number), out);
  } else if (const auto* real = std::get_if<double>(&value)) {
    out->push_back(kDouble);
    uint64_t bits;
    std::memcpy(&bits, real, sizeof(bits));
    wire::AppendFixed64(bits, out);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    AppendSized(kText, *text, out);
  } else {
    AppendSized(kBytes, std::get<Bytes>(value).data, out);
  }
}

std::optional<Value> ReadOne(std::string_view* in) {
  if (in->empty()) return std::nullopt;
  const uint8_t kind = static_cast<uint8_t>(in->front());
  in->remove_prefix(1);
  switch (kind) {
    case kNull: return Value();
    case kFalse: return Value(false);
    case kTrue: return Value(true);
    case kInt64: {
      uint64_t zigzag;
      if (!wire::ReadVarint(in, &zigzag)) return std::nullopt;
      return Value(static_cast<int64_t>(zigzag >> 1 ^ (~(zigzag & 1) + 1)));
    }
    case kDouble: {
      double real;
      if (in->size() < sizeof(real)) return std::nullopt;
      std::memcpy(&real, in->data(), sizeof(real));
      in->remove_prefix(sizeof(real));
      if (std::isnan(real)) return std::nullopt;
      return Value(real);
    }
    case kText:
    case kBytes: {
      uint64_t size;
      if (!wire::ReadVarint(in, &size) || size > in->size()) return std::nullopt;
      std::string bytes(in->substr(0, size));
      in->remove_prefix(size);
      if (kind == kBytes) return Value(Bytes{std::move(bytes)});
      if (FindInvalidUtf8(bytes) != std::string::npos || bytes.find('\0') != std::string::npos) {
        return std::nullopt;
      }
      return Value(std::move(bytes));
    }
    default: return std::nullopt;
  }
}

// A schema may have changed since the token was sealed.
bool Fits(const Value& value, const schema::Field& field) {
  if (IsNull(value)) return field.nullable();
  switch (field.type) {
    case schema::Type::kBool: return std::holds_alternative<bool>(value);
    case schema::Type::kFloat:
    case schema::Type::kDouble: return std::holds_alternative<double>(value);
    case schema::Type::kString:
    case schema::Type::kEnum: return std::holds_alternative<std::string>(value);
    case schema::Type::kBytes: return std::holds_alternative<Bytes>(value);
    default: break;
  }
  const auto* number = std::get_if<int64_t>(&value);
  if (number == nullptr) return false;
  switch (field.type) {
    case schema::Type::kInt32: return *number >= INT32_MIN && *number <= INT32_MAX;
    case schema::Type::kUint32: return *number >= 0 && *number <= UINT32_MAX;
    case schema::Type::kTimestamp:
      return *number >= kMinTimestampMillis && *number <= kMaxTimestampMillis;
    case schema::Type::kInt64:
    case schema::Type::kDuration: return true;
    default: return false;
  }
}

Status TokenError(std::string message) {
  Status status(Code::kInvalidArgument, "INVALID_PAGE_TOKEN", "page_token: " + message);
  status.WithViolation("page_token", std::move(message));
  return status;
}

}  // namespace

TokenSealer::TokenSealer(std::string_view key) {
  InitSodium();
  // A key of another length breaks the contract; it still makes a key, not an
  // overrun.
  const std::string derived = key.size() == kKeyBytes ? std::string(key) : DeriveKey(key);
  std::memcpy(key_.data(), derived.data(), kKeyBytes);
}

std::string TokenSealer::NewKey() {
  InitSodium();
  std::string key(kKeyBytes, '\0');
  randombytes_buf(key.data(), key.size());
  return key;
}

std::string TokenSealer::DeriveKey(std::string_view secret) {
  return Hash(secret, kKeyBytes, "storegate page token key");
}

std::string TokenSealer::Seal(std::string_view fingerprint,
                              const std::vector<Value>& values) const {
  std::string plain(1, static_cast<char>(kVersion));
  plain += HashFingerprint(fingerprint);
  for (const Value& value : values) AppendValue(value, &plain);

  std::string sealed(kNonceBytes + plain.size() + kTagBytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());
  randombytes_buf(out, kNonceBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out + kNonceBytes, nullptr, Data(plain), plain.size(),
                                             nullptr, 0, nullptr, out, key_.data());
  return Base64Url(sealed);
}

Result<std::vector<Value>> TokenSealer::Open(std::string_view token, std::string_view fingerprint,
                                             const Order& order) const {
  const std::optional<std::string> sealed = Base64Decode(token);
  if (!sealed || sealed->size() < kNonceBytes + kTagBytes + 1 + kFingerprintBytes) {
    return TokenError("not a token that a list returned");
  }
  std::string plain(sealed->size() - kNonceBytes - kTagBytes, '\0');
  const int opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
      reinterpret_cast<unsigned char*>(plain.data()), nullptr, nullptr,
      Data(*sealed) + kNonceBytes, sealed->size() - kNonceBytes, nullptr, 0, Data(*sealed),
      key_.data());
  if (opened != 0) return TokenError("not a token that a list returned");

  std::string_view in = plain;
  if (static_cast<uint8_t>(in.front()) != kVersion) {
    return TokenError("of another version; begin again with the first page");
  }
  in.remove_prefix(1);
  if (in.substr(0, kFingerprintBytes) != HashFingerprint(fingerprint)) {
    return TokenError(
        "belongs to another request; keep every field but page_size as it was on the first page");
  }
  in.remove_prefix(kFingerprintBytes);

  std::vector<Value> values;
  for (const SortKey& key : order) {
    std::optional<Value> value = ReadOne(&in);
    if (!value || !Fits(*value, *key.field)) {
      return TokenError("does not fit the order; begin again with the first page");
    }
    values.push_back(*std::move(value));
  }
  if (!in.empty()) return TokenError("does not fit the order; begin again with the first page");
  return values;
}

}  // namespace storegate::query

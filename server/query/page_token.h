// Page tokens: where the next page begins, sealed so that callers can neither
// read nor make one (XChaCha20-Poly1305, by libsodium).
//
// Content before sealing: format version, fingerprint of the request, values of
// the sort keys of the last row returned. base64url without padding.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"
#include "server/query/order.h"
#include "server/query/value.h"

namespace storegate::query {

class TokenSealer {
 public:
  static constexpr size_t kKeyBytes = 32;

  // REQUIRES: key.size() == kKeyBytes. Any thread after that.
  explicit TokenSealer(std::string_view key);

  // A fresh random key, to be kept in the database.
  static std::string NewKey();
  // The key that a configured secret of any length stands for.
  static std::string DeriveKey(std::string_view secret);

  // `fingerprint` is what must be the same when the token comes back: method,
  // order, filters (not page_size). One value a sort key, in order.
  std::string Seal(std::string_view fingerprint, const std::vector<Value>& values) const;

  // INVALID_ARGUMENT, reason INVALID_PAGE_TOKEN, when it was not sealed by this
  // key, belongs to another request, or does not fit `order`.
  Result<std::vector<Value>> Open(std::string_view token, std::string_view fingerprint,
                                  const Order& order) const;

 private:
  std::array<unsigned char, kKeyBytes> key_;
};

}  // namespace storegate::query

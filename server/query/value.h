// Value: one scalar that is compared with or bound to a column, in the form that
// every backend keeps it:
//   null, bool, int64 (also uint32, int32, Timestamp in ms, Duration in us),
//   double (also float), string (also an enum's name, a UUID), bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace storegate {

struct Bytes {
  std::string data;
  auto operator<=>(const Bytes&) const = default;
};

using Value = std::variant<std::monostate, bool, int64_t, double, std::string, Bytes>;

inline bool IsNull(const Value& value) { return std::holds_alternative<std::monostate>(value); }

}  // namespace storegate

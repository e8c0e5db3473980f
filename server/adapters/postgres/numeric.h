// PostgreSQL's numeric, as it travels in binary. Source of the format: numeric_send in
// src/backend/utils/adt/numeric.c.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace storegate::postgres {

// The value; empty where it is no whole number of 64 bits.
std::optional<int64_t> NumericToInteger(std::string_view binary);
// The double nearest to it, also an infinity. Empty where it is not a number.
std::optional<double> NumericToDouble(std::string_view binary);

}  // namespace storegate::postgres

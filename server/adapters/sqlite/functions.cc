#include "server/adapters/sqlite/functions.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "server/base/time_zone.h"

namespace storegate::sqlite {
namespace {

constexpr double kLarge = 0x1p900, kScale = 0x1p100;

// What was added so far. SQLite gives it zeroed, which is its start, and aligned to 8 bytes,
// where an __int128 wants 16.
struct __attribute__((packed, aligned(8))) Sum {
  __int128 whole;  // of integers: 2^63 values of 64 bits fit
  double real;     // of others
  double large;    // of such from kLarge on, by kScale: what goes past the largest double may
                   // come back (PostgreSQL's adapter adds them so, too)
  int64_t count;
  bool any_real;

  double AsDouble() const { return static_cast<double>(whole) + real + large * kScale; }
};

void Add(sqlite3_context* context, int, sqlite3_value** values) {
  const int type = sqlite3_value_type(values[0]);
  if (type == SQLITE_NULL) return;
  auto* sum = static_cast<Sum*>(sqlite3_aggregate_context(context, sizeof(Sum)));
  if (sum == nullptr) return sqlite3_result_error_nomem(context);
  ++sum->count;
  if (type == SQLITE_INTEGER) {
    sum->whole += sqlite3_value_int64(values[0]);
  } else {
    sum->any_real = true;
    const double value = sqlite3_value_double(values[0]);
    if (std::abs(value) >= kLarge) {
      sum->large += value / kScale;
    } else {
      sum->real += value;
    }
  }
}

const Sum* SumOf(sqlite3_context* context) {
  return static_cast<const Sum*>(sqlite3_aggregate_context(context, 0));
}

void GiveSum(sqlite3_context* context) {
  const Sum* sum = SumOf(context);
  if (sum == nullptr) return sqlite3_result_int64(context, 0);
  // A result that is no number becomes NULL.
  if (sum->any_real) return sqlite3_result_double(context, sum->AsDouble());
  if (sum->whole < std::numeric_limits<int64_t>::min() ||
      sum->whole > std::numeric_limits<int64_t>::max()) {
    return sqlite3_result_double(context, static_cast<double>(sum->whole));
  }
  sqlite3_result_int64(context, static_cast<int64_t>(sum->whole));
}

void GiveAverage(sqlite3_context* context) {
  const Sum* sum = SumOf(context);
  if (sum == nullptr) return sqlite3_result_null(context);
  sqlite3_result_double(context, sum->AsDouble() / static_cast<double>(sum->count));
}

void GiveTimePart(sqlite3_context* context, int, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) return sqlite3_result_null(context);
  const auto* zone = reinterpret_cast<const char*>(sqlite3_value_text(values[2]));
  const std::string text =
      LocalPart(sqlite3_value_int64(values[0]), static_cast<TimePart>(sqlite3_value_int(values[1])),
                zone == nullptr ? std::string_view() : std::string_view(zone));
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace

int AddFunctions(sqlite3* db) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
  int code = sqlite3_create_function_v2(db, "storegate_sum", 1, kFlags, nullptr, nullptr, &Add,
                                        &GiveSum, nullptr);
  if (code != SQLITE_OK) return code;
  code = sqlite3_create_function_v2(db, "storegate_avg", 1, kFlags, nullptr, nullptr, &Add,
                                    &GiveAverage, nullptr);
  if (code != SQLITE_OK) return code;
  return sqlite3_create_function_v2(db, "storegate_time_part", 3, kFlags, nullptr, &GiveTimePart,
                                    nullptr, nullptr, nullptr);
}

}  // namespace storegate::sqlite

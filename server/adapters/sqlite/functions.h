// SQL functions of the gateway's own, for what SQLite has no function or another one:
//
//   storegate_sum(x)   of a group: integers exactly, 0 of no value; a REAL near the sum
//                      where that is past 64 bits (sum() fails also when only an
//                      intermediate sum is). NULL of what adds up to no number.
//   storegate_avg(x)   the sum as a double by the count as one; NULL of no value
//   storegate_time_part(ms, unit, zone)
//                      "2026", "2026-01", "2026-01-31" or "2026-01-31T23" of a time, as
//                      `unit` (a TimePart) says, where `zone` is the time
#pragma once

#include <sqlite3.h>

namespace storegate::sqlite {

// Makes them known to a connection. Answers SQLite's code.
int AddFunctions(sqlite3* db);

}  // namespace storegate::sqlite

// Parts of times where people live, by the system's IANA time zone database
// (package tzdata). Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace storegate {

enum class TimePart { kYear, kMonth, kDay, kHour };

// Whether it is a name of the database ("Europe/Berlin", "UTC"), as it is written there.
bool IsTimeZone(std::string_view name);

// "2026", "2026-01", "2026-01-31", "2026-01-31T23" of a time in milliseconds since
// 1970. `zone` "": UTC. One that is none is UTC, too.
std::string LocalPart(int64_t millis, TimePart part, std::string_view zone);

}  // namespace storegate

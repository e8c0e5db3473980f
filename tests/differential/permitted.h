// What backends may say differently: one table, each entry with its reason, printed at
// the end of a run with how often it was used.
#pragma once

#include <string>

#include "tests/differential/performer.h"

namespace storegate::test {

// Whether an entry of the table covers the difference; counts it then.
bool Permitted(const Operation& operation, const Answer& first, const Answer& second);

// The table, a line an entry.
std::string PermittedTable();

}  // namespace storegate::test

// From a long sequence that shows a difference to a short one.
// Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input".
#pragma once

#include <functional>
#include <optional>

#include "tests/differential/operation.h"

namespace storegate::test {

// Performs a sequence on fresh databases; at which operation they differ.
using Replay = std::function<std::optional<size_t>(const Sequence&)>;

// Takes away operations, in ever smaller parts, then fields, elements and characters of
// what is left, as long as there is a difference, until nothing more can go or `bound`
// replays were made. What it answers differs at its last operation, or, when
// `sequence` does not differ when it is performed again, is empty.
Sequence Shrink(Sequence sequence, const Replay& replay, int bound);

}  // namespace storegate::test

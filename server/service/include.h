// Include: fills into records what a selection asks for, embedded records and counts.
// One query for each entity and field, whatever the number of records, in whichever
// database each lives; below embeds, again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/service/context.h"
#include "server/service/selection.h"

namespace storegate::service {

// What one call may read, and write into its answer, to fill records with.
inline constexpr size_t kMaxIncludedBytes = 16 << 20;
inline constexpr int64_t kMaxIncluded = 50000;  // records read

// Makes of each row, a record's wire bytes as they were read, what is in the answer.
// `selection` is kept alive by `done`. `done` is called once, at once where nothing has
// to be read; on another thread else. Statuses: the database's; RESOURCE_EXHAUSTED,
// reason RESPONSE_TOO_LARGE, past the limits above.
//
// A reference to a record that is deleted, or not there, fills nothing. Embedded and
// counted are living records.
void FillIncluded(const CallPtr& call, const Selection& selection,
                  std::shared_ptr<std::vector<std::string>> rows,
                  std::function<void(const Status&)> done);

// The same of one record, which becomes the call's answer; for methods that return it.
void AnswerRecord(const CallPtr& call, std::shared_ptr<const Selection> selection,
                  std::string record);

}  // namespace storegate::service

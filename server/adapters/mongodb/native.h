// Native queries: aggregation pipelines as a schema has them, in MongoDB's extended JSON.
#pragma once

#include <string_view>

#include "server/adapters/mongodb/bson.h"
#include "server/base/status.h"
#include "server/repository/backend.h"

namespace storegate::mongodb {

// Whether the text is a pipeline that may be run: an array of stages, none of which writes
// or runs what a parameter says. INVALID_ARGUMENT, reason INVALID_NATIVE_QUERY, with why.
// Connects to nothing; whether a server takes each stage is seen when it is run.
Status CheckNative(std::string_view pipeline);

// The command, each "$1" … that a parameter stands for being its value: what a caller gives
// is never an operator or a path. repository::NativeQueryFailed for what CheckNative
// refuses, which the log names.
Result<Bson> NativeCommand(const repository::NativeQuery& query);

}  // namespace storegate::mongodb

// What `schema pull` makes of the collections of a MongoDB database, which has no schema: some
// hundred documents of each are looked at.
#pragma once

#include "server/adapters/mongodb/options.h"
#include "server/base/status.h"
#include "server/migrate/pull.h"

namespace storegate::mongodb {

// A field that all documents looked at have is never unset; whole numbers are int64, also
// where a program without integers wrote them as doubles; a field that held values of more
// types than one proto type reads is left out, as are those that hold decimals and what else
// no proto type reads, and ObjectIds within documents and lists. Reads only. Statuses: Open
// (backend.h), and those of a read.
Result<migrate::PulledDatabase> Sample(const Options& options);

}  // namespace storegate::mongodb

// {"storegate.backfill": …}: a change of many documents, in batches.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/base/status.h"

namespace storegate::mongodb {

// {"storegate.backfill": "books", "filter": {…}, and one or more of
//   "set": {"pages": 0}          these values
//   "unset": {"pages": 1}        these fields are taken away
//   "rename": {"was": "is"}      the field gets another name
//   "copy": {"_id": "origin"}    the field's value is written into the other one too
// }
// Of what it has changed, the filter must match nothing any more.
struct Backfill {
  std::string collection;
  Bson filter;
  // {"$set": …, "$unset": …, "$rename": …}; empty where all that is done is to copy.
  Bson update;
  std::vector<std::pair<std::string, std::string>> copies;  // from → to

  // {"count": collection, "query": filter}.
  Bson CountCommand() const;
};

// Why the command is no such one ("has no \"filter\""), or "".
std::string ReadBackfill(const Bson& command, Backfill* backfill);

}  // namespace storegate::mongodb

// What MongoDB needs to hold entities: collections and their indexes. A script is a
// JSON array of commands, one a line; values are MongoDB's Extended JSON. Files are cut as
// script_steps.h says; changes are written as render.h says.
// Source: mongodb.com, database commands; MongoDB Extended JSON (v2).
#pragma once

#include "server/migrate/generator.h"

namespace storegate::mongodb {

// Makes of each entity
//   - its collection;
//   - its declared indexes: one that is not unique has _id appended; one that is unique
//     among the living has _deleted behind its fields, which the deleted rows have and
//     the living have not; one that is unique is sparse where its fields may be absent;
//   - an index on each reference that no other index begins with.
// The `where` of an index is its partialFilterExpression where MongoDB can have it so.
// Where not, an index that is not unique has all rows, and one that is unique is
// refused by Check.
//
// The scripts may run again: what is there is left as it is. One for all threads.
const migrate::Generator& MongodbGenerator();

}  // namespace storegate::mongodb

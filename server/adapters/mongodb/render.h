// Changes of a schema → a migration file of MongoDB.
#pragma once

#include <string>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/migrate/generator.h"
#include "server/schema/schema.h"

namespace storegate::mongodb {

// As migrate::Generator::Render, one command a line, in the order of the changes. MongoDB
// has no columns; what is done is what documents need that were written before:
//   kAddTable      create, createIndexes        kDropTable   drop
//   kRenameTable   renameCollection             kAddIndex, kDropIndex   createIndexes, dropIndexes
//   kAddColumn     a plain field is given its zero where it is absent; one with a default
//                  that, but not in a down script; a folded one is folded anew, unless the
//                  field itself is new; else nothing
//   kDropColumn    unset                        kRenameColumn   renamed
//   kAlterColumn   one that may not be absent any more is given its zero where it is; true
//                  and false become 1 and 0 where the field is a number now. Numbers are read
//                  whatever their type, and no other conversion keeps what a value means
//   others         nothing; a down script that has nothing to do is an empty array
// An index is of names: one over a field that is renamed is dropped before and made again
// behind, also where Diff, as SQL databases do it, sees no change in it.
// An index among the living (its keys have the deleted mark) comes with the marks that
// documents lack which were deleted before it.
std::string RenderChanges(const std::vector<migrate::Change>& changes,
                          const migrate::RenderOptions& options);

// {"create": …} and, where there are indexes, {"createIndexes": …}.
void AddCreation(const repository::TableModel& table, std::vector<Bson>* commands);

// The BSON type that documents have the field in, for people and for comparison: "int",
// "array of string".
std::string BsonTypeOf(const schema::Field& field);

}  // namespace storegate::mongodb

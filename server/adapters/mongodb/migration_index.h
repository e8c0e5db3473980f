// Indexes as texts that can be compared, whoever wrote them: a script or the server.
#pragma once

#include <string>

#include "server/adapters/mongodb/bson.h"

namespace storegate::mongodb {

// The index without its name and what versions of servers add (v, ns, background …). Keys
// are in their order; then come unique, sparse, partialFilterExpression and the other
// options by name. An option that is its default is left out; whole numbers are of one
// type; a text index is as listIndexes shows it. `collation` is the collection's own, which
// its indexes take over; null for none.
// Source: mongodb.com, createIndexes and listIndexes; Text Indexes; Collation.
Bson NormalIndex(const bson_t* index, const bson_t* collation = nullptr);

// The same as text: {"key": {"a": 1}, "unique": true}.
std::string IndexDefinition(const bson_t* index, const bson_t* collation = nullptr);

// The index with its name, for createIndexes, of a definition.
Bson IndexFrom(const std::string& name, const std::string& definition);

// Of _id alone, which each collection has, under whatever name.
bool IsIdIndex(const bson_t* index);

}  // namespace storegate::mongodb

// Pieces that filters are made of.
#pragma once

#include <string_view>
#include <vector>

#include "server/adapters/mongodb/bson.h"

namespace storegate::mongodb {

// {key: value}
Bson Document(std::string_view key, const Bson& value);
Bson List(std::string_view key, const BsonArray& values);
Bson Flag(std::string_view key, bool flag);

// Conditions of a field: {$ne: null}, {$type: "array"}.
Bson NotNull();
Bson IsArray();

// Matches no document.
Bson Nothing();
// Matches what one of the filters matches; nothing where there is none.
Bson AnyOf(std::vector<Bson> filters);
Bson NotOf(const Bson& filter);
// Matches what `a` and `b` match.
Bson Both(Bson a, Bson b);

}  // namespace storegate::mongodb

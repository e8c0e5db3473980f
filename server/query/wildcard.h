// Stars at the ends of a literal text. Internal to query/.
#pragma once

#include <string>

#include "server/base/status.h"
#include "server/query/parser.h"
#include "server/query/predicate.h"
#include "server/query/typing.h"

namespace storegate::query {

// What a text is compared with: "…" itself, "…*", "*…", "*…*".
enum class Match { kWhole, kBegin, kEnd, kAnywhere };

// How the literal is meant; takes its stars out of it. FilterError on: a star in the middle, a
// long text behind one, or where the path, the operator or the format of ids (only their begin can be asked for) has no
// wildcards.
Result<Match> TakeWildcards(const ResolvedPath& resolved, const Comparison& comparison,
                            const Operand& operand, Token* literal);

// That the text at the path matches `part`, a string, so. Not of kWhole.
Predicate MatchText(const Path& path, Match match, std::string part);

}  // namespace storegate::query

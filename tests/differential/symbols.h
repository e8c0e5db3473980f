// What each gateway makes up by itself (ids, etags, page tokens, times), in words that
// mean the same on every side: operations name these, and answers are put into them
// before they are compared. All of them are values that a message can hold, so that a
// sequence of operations is nothing but messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/query/value.h"
#include "server/schema/schema.h"

namespace storegate::test {

// The id that the operation of that label was given for its record (of a batch: for
// the record at `item`) when it sent none. For ids in UUID format
// "00000000-0000-7000-8000-000000001203", for other texts "<id of 12.3>", for numbers
// 4000000000001203.
Value GivenId(const schema::Entity& entity, int label, int item);

// Of a GivenId that was given to nobody: an id of no record, and for a number one that
// moves no counter.
Value Nobodys(const Value& given_id);

inline constexpr std::string_view kEtagNow = "<etag now>";        // that the row has
inline constexpr std::string_view kEtagBefore = "<etag before>";  // that it had before

// The token that the list of that label ended with.
std::string TokenOf(int label);
// The label; empty when it is no such text.
std::optional<int> LabelOfToken(std::string_view token);

// A moment while the operation of that label ran, in ms: after year 8307. A request
// means the moment before it began.
int64_t TimeOf(int label);
std::optional<int> LabelOfTime(int64_t millis);

}  // namespace storegate::test

// One element of a document as a value of the schema's types, strictly: what is not
// the same value is none. Numbers may be of any BSON type. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <bson/bson.h>

#include "server/schema/schema.h"

namespace storegate::mongodb {

// kInt32, kInt64, kUint32, kEnum by number; kDuration in us; kTimestamp, which has to be
// a Date, in ms. Empty when it has a fraction or is out of the type's range.
std::optional<int64_t> IntegerAt(const bson_iter_t& at, schema::Type type);

// kFloat, rounded to by who asks, and kDouble. Empty for NaN, for what a float would take
// for infinite, and for an integer or a decimal that no double is: a page that ends at
// its neighbour would go on before it.
std::optional<double> RealAt(const bson_iter_t& at, schema::Type type);

// A string, if it is UTF-8: a proto3 string of other bytes would make the whole answer
// unreadable. A NUL in it stays. Valid as long as the document.
std::optional<std::string_view> TextAt(const bson_iter_t& at);

// Binary of subtype 0; others sort and compare apart from it. Valid as long as the document.
std::optional<std::string_view> BytesAt(const bson_iter_t& at);

// Calls visit(element) for each of the document or array that `at` stands on, until one
// answers false. False then, and where there is no such, or its bytes are none.
template <typename Visit>
bool EachElement(const bson_iter_t& at, const Visit& visit) {
  bson_iter_t element;
  if (!bson_iter_recurse(&at, &element)) return false;
  const uint32_t length = element.len;
  while (bson_iter_next(&element)) {
    if (!visit(element)) return false;
  }
  // The last byte is the end's; libbson also stops where it cannot read on.
  return bson_iter_offset(&element) + 1 == length;
}

}  // namespace storegate::mongodb

// A statement with a value for each of its places, in PostgreSQL's binary format.
// Source of the format: the send and receive functions of each type
// (postgresql.org/docs/15/protocol-overview.html, "Formats and Format Codes").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/query/value.h"

namespace storegate::postgres {

// The types of PostgreSQL that columns here have.
enum class Kind { kBool, kInt4, kInt8, kFloat8, kText, kUuid, kBytea, kTimestamptz, kJsonb };

// "bigint"; as in a cast.
std::string_view TypeName(Kind kind);
// Numbers that PostgreSQL has for its own types. They are the same in every
// database (src/include/catalog/pg_type.dat).
uint32_t TypeId(Kind kind);
uint32_t ArrayTypeId(Kind kind);

// A uuid as this gateway writes it: 36 bytes, lower case.
bool IsCanonicalUuid(std::string_view text);
// 36 bytes from 16 ones.
void AppendUuidText(const char* bytes, std::string* out);

// Whether the value can be of that kind: a text that is no uuid cannot be one, a
// number past 32 bits is no int4.
bool Fits(const Value& value, Kind kind);

struct Place {
  size_t begin = 0;
  int length = 0;  // -1: null
};

struct Sql {
  // The text, where whoever made it keeps it for as long as there is the connection:
  // such a statement is known by its address. Else null, and `text` has it.
  const std::string* kept = nullptr;
  std::string text;
  std::vector<Place> places;
  std::string bytes;  // of all places
  // Not empty: values are texts, each with a NUL behind it, of these types; 0: of the
  // type that the database takes it for.
  std::vector<uint32_t> text_types;

  // Appends "$1::bigint" to the text, and the value. Bind only gives the value.
  // REQUIRES: Fits, or null.
  void Append(const Value& value, Kind kind);
  void Bind(const Value& value, Kind kind);
  // The same of an array of values, none of them null: "$1::bigint[]".
  void AppendArray(std::span<const Value> values, Kind kind);
  void BindArray(std::span<const Value> values, Kind kind);
  // A value in binary already.
  void BindBytes(std::string_view binary);
  void BindNull();
  // A value as text, of a type that goes into text_types.
  void BindText(std::string_view value, uint32_t type);

  // "$3::uuid" for the place that comes next.
  void AppendPlace(Kind kind, bool array);
  void Clear();
  const std::string& statement() const { return kept != nullptr ? *kept : text; }
};

// "$3::uuid[]"
std::string PlaceText(size_t number, Kind kind, bool array);

// The bytes of one value alone. REQUIRES: not null, and Fits.
void AppendBinary(const Value& value, Kind kind, std::string* out);

// The head of an array of `count` elements; each follows as its length in four
// bytes, then itself.
void AppendArrayHead(uint32_t element_type, size_t count, std::string* out);
void AppendBig32(uint32_t value, std::string* out);
void AppendBig64(uint64_t value, std::string* out);

inline uint32_t Big32(const char* p) {
  uint32_t v;
  __builtin_memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}
inline uint64_t Big64(const char* p) {
  uint64_t v;
  __builtin_memcpy(&v, p, 8);
  return __builtin_bswap64(v);
}

// Milliseconds since 1970 at PostgreSQL's epoch, 2000-01-01.
inline constexpr int64_t kEpochMillis = 946684800000;

}  // namespace storegate::postgres

// Small functions on text that more than one folder needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace storegate {

// Byte offset of the first byte that is not well-formed UTF-8 (RFC 3629:
// no surrogates, nothing overlong, nothing past U+10FFFF); npos when all is.
size_t FindInvalidUtf8(std::string_view text);
// Number of code points. REQUIRES: well-formed UTF-8.
size_t CountCodePoints(std::string_view text);
// Appends a code point that is no surrogate.
void AppendUtf8(char32_t code, std::string* out);

// Lower case of every character (Unicode, by utf8proc). For `lower_case` fields.
std::string LowerCase(std::string_view text);
// What case-insensitive search compares: full Unicode case folding, composed
// (NFC), by utf8proc. "Straße" and "STRASSE" fold alike; "e" and "é" do not.
std::string FoldCase(std::string_view text);

// For error messages: quoted, control characters escaped, cut to about 60 bytes
// at a character's boundary with "…" and the full length behind.
std::string Quoted(std::string_view text);

// "a, b, c".
std::string CommaSeparated(const std::vector<std::string>& items);

// Appends the JSON string literal of `text`, quotes included. Invalid UTF-8 is
// replaced, so that logs are always JSON.
void AppendJsonString(std::string_view text, std::string* out);

// RFC 4648, padded standard alphabet, and URL-safe alphabet without padding.
std::string Base64(std::string_view bytes);
std::string Base64Url(std::string_view bytes);
// Either alphabet, padding optional; empty when it is neither.
std::optional<std::string> Base64Decode(std::string_view text);

// Canonical lower case UUID: 8-4-4-4-12 hex digits.
bool IsCanonicalUuid(std::string_view text);
// A new UUIDv7 (RFC 9562): time first, so that ids made later sort later, also
// within a millisecond in this process. Any thread.
std::string NewUuidV7();
// 24 lower case hex digits: a MongoDB ObjectId as text.
bool IsObjectId(std::string_view text);
// A new one: seconds, then what is this process's own, then a counter, so that ids made later
// by one process sort later
// (https://www.mongodb.com/docs/manual/reference/bson-types/#objectid). Any thread.
std::string NewObjectId();
// 63 random bits, never 0. Any thread.
int64_t NewVersion();

// The etag of a version: 16 lower case hex digits. Empty where it is not one.
std::string FormatEtag(int64_t version);
std::optional<int64_t> ParseEtag(std::string_view etag);

}  // namespace storegate

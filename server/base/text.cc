#include "server/base/text.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <utf8proc.h>

namespace storegate {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// Length of the well-formed character that `text` begins with and the character
// itself; 0 when it begins with none. REQUIRES: !text.empty().
// Source of the table: Unicode 15, table 3-7.
size_t DecodeOne(std::string_view text, char32_t* code) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) {
    *code = first;
    return 1;
  }
  size_t size;
  uint8_t low = 0x80, high = 0xBF;  // of the second byte
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
    *code = first & 0x1F;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    *code = first & 0x0F;
    if (first == 0xE0) low = 0xA0;   // overlong
    if (first == 0xED) high = 0x9F;  // surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    *code = first & 0x07;
    if (first == 0xF0) low = 0x90;   // overlong
    if (first == 0xF4) high = 0x8F;  // past U+10FFFF
  } else {
    return 0;
  }
  if (text.size() < size || byte(1) < low || byte(1) > high) return 0;
  *code = *code << 6 | (byte(1) & 0x3F);
  for (size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    *code = *code << 6 | (byte(i) & 0x3F);
  }
  return size;
}

// As DecodeOne; a byte that begins no character is U+FFFD.
size_t DecodeOrReplace(std::string_view text, char32_t* code) {
  const size_t size = DecodeOne(text, code);
  if (size > 0) return size;
  *code = kReplacement;
  return 1;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
  }
  return out;
}

using CodePoints = std::vector<utf8proc_int32_t>;

void AppendDecomposed(utf8proc_int32_t code, int options, CodePoints* out) {
  utf8proc_int32_t buffer[64];  // the longest decomposition has 18 characters
  int boundary = UTF8PROC_BOUNDCLASS_START;
  const utf8proc_ssize_t size = utf8proc_decompose_char(
      code, buffer, std::size(buffer), static_cast<utf8proc_option_t>(options), &boundary);
  if (size < 0 || size > static_cast<utf8proc_ssize_t>(std::size(buffer))) {
    out->push_back(code);
    return;
  }
  out->insert(out->end(), buffer, buffer + size);
}

// Canonical ordering. utf8proc's own is a gnome sort, which a megabyte of
// combining marks would keep busy for hours.
void Reorder(CodePoints* codes) {
  const auto combining = [](utf8proc_int32_t code) {
    return utf8proc_get_property(code)->combining_class;
  };
  for (size_t i = 0; i < codes->size();) {
    if (combining((*codes)[i]) == 0) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (end < codes->size() && combining((*codes)[end]) != 0) ++end;
    if (end - i > 1) {
      std::stable_sort(codes->begin() + i, codes->begin() + end,
                       [&](auto a, auto b) { return combining(a) < combining(b); });
    }
    i = end;
  }
}

constexpr char kHexDigits[] = "0123456789abcdef";

void AppendHex(uint64_t value, int digits, std::string* out) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
    out->push_back(kHexDigits[value >> shift & 0xF]);
  }
}

// Characters that could change how a log or a terminal shows what is around.
bool IsInvisible(char32_t code) {
  if (code < 0x20 || code == 0x7F) return true;
  if (code < 0x80) return false;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return false;
  }
}

// Two UTF-16 halves past U+FFFF, as JSON has it.
void AppendUnicodeEscape(char32_t code, std::string* out) {
  if (code >= 0x10000) {
    AppendUnicodeEscape(0xD800 + ((code - 0x10000) >> 10), out);
    code = 0xDC00 + ((code - 0x10000) & 0x3FF);
  }
  *out += "\\u";
  AppendHex(code, 4, out);
}

void AppendEscaped(char32_t code, std::string* out) {
  switch (code) {
    case '"': *out += "\\\""; return;
    case '\\': *out += "\\\\"; return;
    case '\n': *out += "\\n"; return;
    case '\r': *out += "\\r"; return;
    case '\t': *out += "\\t"; return;
    default: AppendUnicodeEscape(code, out);
  }
}

}  // namespace

size_t FindInvalidUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    // Eight ASCII bytes at a time: most text is.
    uint64_t eight;
    while (i + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + i, 8);
      if (eight & 0x8080808080808080) break;
      i += 8;
    }
    if (i == text.size()) break;
    char32_t code;
    const size_t size = DecodeOne(text.substr(i), &code);
    if (size == 0) return i;
    i += size;
  }
  return std::string_view::npos;
}

void AppendUtf8(char32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
    return;
  }
  if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | code >> 6));
  } else {
    if (code < 0x10000) {
      out->push_back(static_cast<char>(0xE0 | code >> 12));
    } else {
      out->push_back(static_cast<char>(0xF0 | code >> 18));
      out->push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    }
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
  }
  out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
}

size_t CountCodePoints(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

std::string LowerCase(std::string_view text) {
  if (IsAscii(text)) return LowerAscii(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char32_t code;
    text.remove_prefix(DecodeOrReplace(text, &code));
    AppendUtf8(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)), &out);
  }
  return out;
}

namespace {

// Unicode's canonical caseless matching (D145): decompose, fold, decompose what
// folding made; then compose, so that what is stored is short.
std::string FoldAny(std::string_view text) {
  CodePoints codes;
  codes.reserve(text.size());
  while (!text.empty()) {
    char32_t code;
    text.remove_prefix(DecodeOrReplace(text, &code));
    AppendDecomposed(code, UTF8PROC_DECOMPOSE, &codes);
  }
  Reorder(&codes);
  CodePoints folded;
  folded.reserve(codes.size());
  for (const utf8proc_int32_t code : codes) {
    AppendDecomposed(code, UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, &folded);
  }
  Reorder(&folded);
  const utf8proc_ssize_t size = utf8proc_normalize_utf32(
      folded.data(), folded.size(),
      static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  if (size >= 0) folded.resize(size);
  std::string out;
  out.reserve(folded.size());
  for (const utf8proc_int32_t code : folded) AppendUtf8(code, &out);
  return out;
}

}  // namespace

std::string FoldCase(std::string_view text) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  std::string out;
  out.reserve(text.size());
  // No ASCII character changes with what is before it, so that each may begin a piece;
  // the last one before others may with what follows ("e" and an accent).
  while (!text.empty()) {
    const auto other = std::ranges::find_if_not(text, is_ascii);
    auto end = text.end();
    if (other != end) {
      end = other == text.begin() ? other : other - 1;
      out += LowerAscii({text.begin(), end});
      const auto ascii = std::find_if(other, text.end(), is_ascii);
      out += FoldAny({end, ascii});
      text = {ascii, text.end()};
    } else {
      out += LowerAscii(text);
      text = {};
    }
  }
  return out;
}

std::string Quoted(std::string_view text) {
  constexpr size_t kMaxBytes = 60;
  const size_t full = text.size();
  std::string out = "\"";
  while (!text.empty() && full - text.size() < kMaxBytes) {
    char32_t code;
    const size_t size = DecodeOne(text, &code);
    if (size == 0) {
      out += "\\x";
      AppendHex(static_cast<uint8_t>(text[0]), 2, &out);
    } else if (code == '"' || code == '\\' || IsInvisible(code)) {
      AppendEscaped(code, &out);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  if (text.empty()) return out + '"';
  return out + "…\" (" + std::to_string(full) + " bytes)";
}

std::string CommaSeparated(const std::vector<std::string>& items) {
  std::string list;
  for (const std::string& item : items) list += (list.empty() ? "" : ", ") + item;
  return list;
}

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    char32_t code;
    const size_t size = DecodeOrReplace(text, &code);
    if (code == '"' || code == '\\' || code < 0x20 || code == 0x7F) {
      AppendEscaped(code, out);
    } else {
      AppendUtf8(code, out);
    }
    text.remove_prefix(size);
  }
  out->push_back('"');
}

}  // namespace storegate

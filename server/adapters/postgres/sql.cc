#include "server/adapters/postgres/sql.h"

#include <cstring>
#include <limits>
#include <variant>

namespace storegate::postgres {
namespace {

struct TypeInfo {
  std::string_view name;
  uint32_t id, array_id;
};

const TypeInfo& InfoOf(Kind kind) {
  static constexpr TypeInfo kInfos[] = {
      {"boolean", 16, 1000},  {"integer", 23, 1007},          {"bigint", 20, 1016},
      {"double precision", 701, 1022}, {"text", 25, 1009},    {"uuid", 2950, 2951},
      {"bytea", 17, 1001},    {"timestamptz", 1184, 1185},    {"jsonb", 3802, 3807}};
  return kInfos[static_cast<size_t>(kind)];
}

int Nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

constexpr bool IsDash(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

void AppendUuid(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); i += 2) {
    if (IsDash(i)) ++i;
    *out += static_cast<char>(Nibble(text[i]) << 4 | Nibble(text[i + 1]));
  }
}

void AppendElement(const Value& value, Kind kind, std::string* out) {
  const size_t at = out->size();
  out->append(4, '\0');
  AppendBinary(value, kind, out);
  const uint32_t length = __builtin_bswap32(static_cast<uint32_t>(out->size() - at - 4));
  std::memcpy(out->data() + at, &length, 4);
}

}  // namespace

std::string_view TypeName(Kind kind) { return InfoOf(kind).name; }
uint32_t TypeId(Kind kind) { return InfoOf(kind).id; }
uint32_t ArrayTypeId(Kind kind) { return InfoOf(kind).array_id; }

void AppendBig32(uint32_t value, std::string* out) {
  value = __builtin_bswap32(value);
  out->append(reinterpret_cast<const char*>(&value), 4);
}

void AppendBig64(uint64_t value, std::string* out) {
  value = __builtin_bswap64(value);
  out->append(reinterpret_cast<const char*>(&value), 8);
}

bool IsCanonicalUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsDash(i) ? text[i] != '-' : Nibble(text[i]) < 0) return false;
  }
  return true;
}

void AppendUuidText(const char* bytes, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  char text[36];
  char* p = text;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    *p++ = kDigits[byte >> 4];
    *p++ = kDigits[byte & 15];
  }
  out->append(text, sizeof text);
}

bool Fits(const Value& value, Kind kind) {
  switch (kind) {
    case Kind::kBool: return std::holds_alternative<bool>(value);
    case Kind::kInt4: {
      const auto* number = std::get_if<int64_t>(&value);
      return number != nullptr && *number >= std::numeric_limits<int32_t>::min() &&
             *number <= std::numeric_limits<int32_t>::max();
    }
    case Kind::kInt8:
    case Kind::kTimestamptz: return std::holds_alternative<int64_t>(value);
    case Kind::kFloat8: return std::holds_alternative<double>(value);
    case Kind::kText:
    case Kind::kJsonb: return std::holds_alternative<std::string>(value);
    case Kind::kUuid: {
      const auto* text = std::get_if<std::string>(&value);
      return text != nullptr && IsCanonicalUuid(*text);
    }
    case Kind::kBytea: return std::holds_alternative<Bytes>(value);
  }
  return false;
}

void AppendBinary(const Value& value, Kind kind, std::string* out) {
  switch (kind) {
    case Kind::kBool: *out += std::get<bool>(value) ? '\1' : '\0'; return;
    case Kind::kInt4:
      AppendBig32(static_cast<uint32_t>(static_cast<int32_t>(std::get<int64_t>(value))), out);
      return;
    case Kind::kInt8: AppendBig64(static_cast<uint64_t>(std::get<int64_t>(value)), out); return;
    case Kind::kTimestamptz:
      AppendBig64(static_cast<uint64_t>((std::get<int64_t>(value) - kEpochMillis) * 1000), out);
      return;
    case Kind::kFloat8: {
      uint64_t bits;
      std::memcpy(&bits, &std::get<double>(value), 8);
      AppendBig64(bits, out);
      return;
    }
    case Kind::kText: *out += std::get<std::string>(value); return;
    case Kind::kUuid: AppendUuid(std::get<std::string>(value), out); return;
    case Kind::kBytea: *out += std::get<Bytes>(value).data; return;
    case Kind::kJsonb:
      *out += '\1';  // the version of the format
      *out += std::get<std::string>(value);
      return;
  }
}

void AppendArrayHead(uint32_t element_type, size_t count, std::string* out) {
  AppendBig32(count == 0 ? 0 : 1, out);  // dimensions
  AppendBig32(0, out);                   // no nulls
  AppendBig32(element_type, out);
  if (count == 0) return;
  AppendBig32(static_cast<uint32_t>(count), out);
  AppendBig32(1, out);  // the first index
}

void Sql::BindBytes(std::string_view binary) {
  places.push_back({bytes.size(), static_cast<int>(binary.size())});
  bytes += binary;
}

void Sql::BindText(std::string_view value, uint32_t type) {
  BindBytes(value);
  bytes += '\0';
  text_types.push_back(type);
}

void Sql::BindNull() { places.push_back({bytes.size(), -1}); }

void Sql::Bind(const Value& value, Kind kind) {
  if (IsNull(value)) return BindNull();
  const size_t begin = bytes.size();
  AppendBinary(value, kind, &bytes);
  places.push_back({begin, static_cast<int>(bytes.size() - begin)});
}

void Sql::BindArray(std::span<const Value> values, Kind kind) {
  const size_t begin = bytes.size();
  AppendArrayHead(TypeId(kind), values.size(), &bytes);
  for (const Value& value : values) AppendElement(value, kind, &bytes);
  places.push_back({begin, static_cast<int>(bytes.size() - begin)});
}

std::string PlaceText(size_t number, Kind kind, bool array) {
  std::string text = "$" + std::to_string(number) + "::";
  text += TypeName(kind);
  if (array) text += "[]";
  return text;
}

void Sql::AppendPlace(Kind kind, bool array) { text += PlaceText(places.size() + 1, kind, array); }

void Sql::Append(const Value& value, Kind kind) {
  AppendPlace(kind, false);
  Bind(value, kind);
}

void Sql::AppendArray(std::span<const Value> values, Kind kind) {
  AppendPlace(kind, true);
  BindArray(values, kind);
}

void Sql::Clear() {
  kept = nullptr;
  text.clear();
  places.clear();
  bytes.clear();
  text_types.clear();
}

}  // namespace storegate::postgres

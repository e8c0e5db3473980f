#include "server/schema/names.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace storegate::schema {
namespace {

constexpr size_t kMaxName = 63;

bool Upper(char c) { return c >= 'A' && c <= 'Z'; }
bool Lower(char c) { return c >= 'a' && c <= 'z'; }
bool Digit(char c) { return c >= '0' && c <= '9'; }

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Levenshtein.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string SnakeCase(std::string_view camel) {
  std::string snake;
  for (size_t i = 0; i < camel.size(); ++i) {
    char c = camel[i];
    if (Upper(c)) {
      bool word_before = i > 0 && (Lower(camel[i - 1]) || Digit(camel[i - 1]));
      bool last_of_acronym = i > 0 && Upper(camel[i - 1]) && i + 1 < camel.size() &&
                             Lower(camel[i + 1]);
      if (word_before || last_of_acronym) snake += '_';
      c = static_cast<char>(c - 'A' + 'a');
    }
    snake += c;
  }
  return snake;
}

std::string Plural(std::string_view name) {
  std::string plural(name);
  if (EndsWith(name, "s") || EndsWith(name, "x") || EndsWith(name, "z") || EndsWith(name, "ch") ||
      EndsWith(name, "sh")) {
    return plural + "es";
  }
  if (name.size() > 1 && name.back() == 'y' &&
      std::string_view("aeiouAEIOU").find(name[name.size() - 2]) == std::string_view::npos) {
    plural.pop_back();
    return plural + "ies";
  }
  return plural + "s";
}

bool IsIdentifier(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || Digit(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return Upper(c) || Lower(c) || Digit(c) || c == '_'; });
}

bool IsDatabaseName(std::string_view name) {
  constexpr size_t kMaxDatabaseName = 40;
  if (name.empty() || name.size() > kMaxDatabaseName || !Lower(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return Lower(c) || Digit(c) || c == '_' || c == '-'; });
}

std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (Upper(c)) c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string WhyBadCollection(std::string_view name) {
  if (!IsIdentifier(name)) return "must be letters, digits and _, at most 63, no digit first";
  if (name[0] == '_') return "must not start with _, which marks what the gateway adds";
  std::string lower = AsciiLower(name);
  if (lower.rfind("sqlite_", 0) == 0 || lower.rfind("pg_", 0) == 0) {
    return "must not start with sqlite_ or pg_, which databases keep for themselves";
  }
  return "";
}

std::string WhyBadColumn(std::string_view name, bool searchable) {
  static constexpr std::string_view kSystem[] = {"tableoid", "xmin", "cmin",
                                                 "xmax",     "cmax", "ctid"};
  if (!IsIdentifier(name)) return "must be letters, digits and _, at most 63, no digit first";
  if (name[0] == '_') return "must not start with _, which marks what the gateway adds";
  if (std::find(std::begin(kSystem), std::end(kSystem), AsciiLower(name)) != std::end(kSystem)) {
    return "is a column that PostgreSQL has in every table";
  }
  if (searchable && name.size() + sizeof("_folded_") - 1 > kMaxName) {
    return "must have at most 55 characters when the field is searchable";
  }
  return "";
}

std::string IndexName(bool unique, std::string_view collection,
                      const std::vector<std::string>& columns) {
  std::string name = unique ? "uq_" : "idx_";
  name += collection;
  for (const std::string& column : columns) name += "_" + column;
  if (name.size() <= kMaxName) return name;
  uint32_t hash = 2166136261u;  // FNV-1a
  for (unsigned char c : name) hash = (hash ^ c) * 16777619u;
  char tail[10];
  std::snprintf(tail, sizeof(tail), "_%08x", hash);
  return name.substr(0, kMaxName - 9) + tail;
}

std::string SearchIndexName(std::string_view collection) {
  return IndexName(false, "_search_" + std::string(collection), {});
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& known) {
  if (name.empty() || name.size() > 200) return "";
  const std::string* best = nullptr;
  size_t best_distance = (name.size() + 2) / 3 + 1;
  for (const std::string& candidate : known) {
    size_t distance = EditDistance(AsciiLower(name), AsciiLower(candidate));
    if (distance < best_distance) best = &candidate, best_distance = distance;
  }
  return best == nullptr ? "" : "; did you mean \"" + *best + "\"?";
}

std::string Listed(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

}  // namespace storegate::schema

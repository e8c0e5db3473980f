#include "server/adapters/mongodb/keys.h"

namespace storegate::mongodb {
namespace {

// Undoes what EscapeKey does to a key that is not empty. False where `name` has a "%"
// that EscapeKey puts nowhere.
bool Unescape(std::string_view name, std::string* key) {
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      *key += name[i];
      continue;
    }
    const std::string_view code = name.substr(i + 1, 2);
    if (code == "25") {
      *key += '%';
    } else if (code == "2E") {
      *key += '.';
    } else if (code == "24" && i == 0) {
      *key += '$';
    } else {
      return false;
    }
    i += 2;
  }
  return true;
}

}  // namespace

std::string EscapeKey(std::string_view key) {
  if (key.empty()) return "%";
  if (key[0] != '$' && key.find_first_of("%.") == std::string_view::npos) return std::string(key);
  std::string name;
  name.reserve(key.size() + 8);
  for (const char c : key) {
    if (c == '%') {
      name += "%25";
    } else if (c == '.') {
      name += "%2E";
    } else if (c == '$' && name.empty()) {
      name += "%24";
    } else {
      name += c;
    }
  }
  return name;
}

std::string UnescapeKey(std::string_view name) {
  if (name.find('%') == std::string_view::npos) return std::string(name);
  if (name == "%") return "";
  // EscapeKey leaves none of these where they are.
  if (name[0] == '$' || name.find('.') != std::string_view::npos) return std::string(name);
  std::string key;
  key.reserve(name.size());
  return Unescape(name, &key) ? key : std::string(name);
}

}  // namespace storegate::mongodb

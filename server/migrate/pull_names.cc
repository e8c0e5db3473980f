#include "server/migrate/pull_names.h"

#include "server/schema/names.h"

namespace storegate::migrate {
namespace {

constexpr size_t kMaxName = 50;

bool Letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool Digit(char c) { return c >= '0' && c <= '9'; }

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// The other way round of schema::Plural, where that is known to be right.
std::string Singular(const std::string& word) {
  std::string one = word;
  if (EndsWith(word, "ies") && word.size() > 4) {
    one.replace(one.size() - 3, 3, "y");
  } else if (EndsWith(word, "xes") || EndsWith(word, "ches") || EndsWith(word, "shes") ||
             EndsWith(word, "sses") || EndsWith(word, "zes") || EndsWith(word, "tuses") ||
             EndsWith(word, "nuses") || EndsWith(word, "ruses")) {
    one.resize(one.size() - 2);
  } else if (EndsWith(word, "s") && !EndsWith(word, "ss") && !EndsWith(word, "us") &&
             !EndsWith(word, "is") && !EndsWith(word, "ws") && word.size() > 2) {
    one.pop_back();
  }
  return one;
}

// Letters and digits of lower case, words parted by "_".
std::string Words(std::string_view name) {
  std::string words;
  for (char c : schema::SnakeCase(name)) {
    if (Letter(c) || Digit(c)) {
      words += c;
    } else if (!words.empty() && words.back() != '_') {
      words += '_';
    }
  }
  while (!words.empty() && words.back() == '_') words.pop_back();
  if (words.size() > kMaxName) words.resize(kMaxName);
  return words;
}

}  // namespace

std::string MessageName(std::string_view table) {
  std::string words = Words(table);
  if (words.empty() || Digit(words[0])) words = "t_" + words;
  const size_t last = words.rfind('_');
  const size_t begin = last == std::string::npos ? 0 : last + 1;
  words = words.substr(0, begin) + Singular(words.substr(begin));
  std::string name;
  bool first = true;
  for (char c : words) {
    if (c == '_') {
      first = true;
      continue;
    }
    name += first && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    first = false;
  }
  return name;
}

std::string FieldName(std::string_view column) {
  std::string words = Words(column);
  return words.empty() || Digit(words[0]) ? "f_" + words : words;
}

bool NameSet::Has(const std::string& name) const {
  std::string key;
  for (char c : schema::AsciiLower(name)) {
    if (c != '_') key += c;
  }
  return taken_.count(key) > 0;
}

std::string NameSet::Take(const std::string& name) {
  std::string taken = name;
  for (int number = 2; Has(taken); ++number) taken = name + "_" + std::to_string(number);
  std::string key;
  for (char c : schema::AsciiLower(taken)) {
    if (c != '_') key += c;
  }
  taken_.insert(key);
  return taken;
}

bool IsPackage(std::string_view package) {
  if (package.empty() || package.size() > 200) return false;
  while (true) {
    const size_t dot = package.find('.');
    const std::string_view part = package.substr(0, dot);
    if (!schema::IsIdentifier(part) || part == "google" || part == "storegate" || part == "grpc") {
      return false;
    }
    if (dot == std::string_view::npos) return true;
    package.remove_prefix(dot + 1);
  }
}

bool IsEnumValue(std::string_view text) {
  // Words that begin something else within an enum.
  for (std::string_view word : {"option", "reserved"}) {
    if (text == word) return false;
  }
  return schema::IsIdentifier(text);
}

}  // namespace storegate::migrate

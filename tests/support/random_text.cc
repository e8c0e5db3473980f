#include "tests/support/random_text.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace storegate::test {
namespace {

// A recursive descent over the pattern that writes as it reads: each alternative
// of a group is made, one is kept.
class Maker {
 public:
  Maker(std::string_view pattern, Random& random) : pattern_(pattern), random_(random) {}

  std::string Make() {
    std::string text = Alternatives();
    if (at_ != pattern_.size()) Unknown();
    return text;
  }

 private:
  std::string Alternatives() {
    std::vector<std::string> all = {Sequence()};
    while (Accept('|')) all.push_back(Sequence());
    return random_.Pick(all);
  }

  std::string Sequence() {
    std::string text;
    while (at_ < pattern_.size() && pattern_[at_] != '|' && pattern_[at_] != ')') {
      if (Accept('^') || Accept('$')) continue;
      const size_t start = at_;
      std::string once = Atom();
      const size_t end = at_;
      auto [low, high] = Quantifier();
      const size_t after = at_;
      const int64_t times = random_.Between(int64_t{low}, int64_t{high});
      for (int64_t i = 0; i < times; ++i) {
        at_ = start;  // again, so that each repetition is random on its own
        text += Atom();
        if (at_ != end) Unknown();
      }
      at_ = after;
    }
    return text;
  }

  std::string Atom() {
    if (Accept('(')) {
      if (Accept('?') && !Accept(':')) Unknown();
      std::string text = Alternatives();
      if (!Accept(')')) Unknown();
      return text;
    }
    if (Accept('[')) return Class();
    if (Accept('.')) return "x";
    if (Accept('\\')) return std::string(1, random_.Pick(Escaped()));
    if (at_ >= pattern_.size()) Unknown();
    return std::string(1, pattern_[at_++]);
  }

  std::vector<char> Escaped() {
    const char c = pattern_[at_++];
    switch (c) {
      case 'd':
        return Span('0', '9');
      case 'w':
        return Span('a', 'z');
      case 's':
        return {' '};
      default:
        return {c};
    }
  }

  static std::vector<char> Span(char low, char high) {
    std::vector<char> all;
    for (int c = low; c <= high; ++c) all.push_back(static_cast<char>(c));
    return all;
  }

  std::string Class() {
    if (Accept('^')) Unknown();
    std::vector<char> all;
    while (!Accept(']')) {
      if (at_ >= pattern_.size()) Unknown();
      if (Accept('\\')) {
        for (char c : Escaped()) all.push_back(c);
        continue;
      }
      const char low = pattern_[at_++];
      if (at_ + 1 < pattern_.size() && pattern_[at_] == '-' && pattern_[at_ + 1] != ']') {
        for (char c : Span(low, pattern_[at_ + 1])) all.push_back(c);
        at_ += 2;
      } else {
        all.push_back(low);
      }
    }
    return std::string(1, random_.Pick(all));
  }

  std::pair<int, int> Quantifier() {
    if (Accept('?')) return {0, 1};
    if (Accept('*')) return {0, 3};
    // Long where it can be, so that unique values rarely meet.
    if (Accept('+')) return {6, 9};
    if (!Accept('{')) return {1, 1};
    const int low = Number();
    int high = low;
    if (Accept(',')) high = at_ < pattern_.size() && pattern_[at_] == '}' ? low + 4 : Number();
    if (!Accept('}')) Unknown();
    return {std::max(low, high - 8), high};
  }

  int Number() {
    int number = 0;
    while (at_ < pattern_.size() && pattern_[at_] >= '0' && pattern_[at_] <= '9') {
      number = number * 10 + (pattern_[at_++] - '0');
    }
    return number;
  }

  bool Accept(char c) {
    if (at_ >= pattern_.size() || pattern_[at_] != c) return false;
    ++at_;
    return true;
  }

  [[noreturn]] void Unknown() {
    std::fprintf(stderr, "tests/support/random_text.cc cannot make a text for the pattern %s\n",
                 std::string(pattern_).c_str());
    std::abort();
  }

  std::string_view pattern_;
  Random& random_;
  size_t at_ = 0;
};

const std::vector<std::string>& Alphabet() {
  static const auto* alphabet = [] {
    auto* all = new std::vector<std::string>;
    for (char c = 'a'; c <= 'z'; ++c) all->push_back(std::string(1, c));
    for (char c = 'A'; c <= 'Z'; ++c) all->push_back(std::string(1, c));
    for (char c = '0'; c <= '9'; ++c) all->push_back(std::string(1, c));
    for (const char* text : {"é", "ß", "Ä", "ı", "İ", "Σ", "ς", "Ж", "中", "ﷺ", "😀", "\u0301",
                             " ", "%", "_", "\\", "'", "\"", "$", ".", "*", "?", "-"}) {
      all->push_back(text);
    }
    return all;
  }();
  return *alphabet;
}

}  // namespace

std::string RandomText(Random& random, int64_t low, int64_t high) {
  const int64_t length = random.Between(low, high);
  std::string text;
  for (int64_t i = 0; i < length; ++i) text += random.Pick(Alphabet());
  return text;
}

std::string RandomBytes(Random& random, int64_t low, int64_t high) {
  const int64_t length = random.Between(low, high);
  std::string bytes;
  for (int64_t i = 0; i < length; ++i) {
    bytes.push_back(static_cast<char>(random.Between(int64_t{0}, int64_t{255})));
  }
  return bytes;
}

std::string TextMatching(std::string_view pattern, Random& random) {
  return Maker(pattern, random).Make();
}

const std::vector<std::string>& HostileTexts() {
  static const auto* texts = new std::vector<std::string>{
      "a",
      "A",
      "a ",
      " a",
      " ",
      "\t\n\r",
      "e",
      "\u00e9",   // é, composed
      "e\u0301",  // é, combining
      "\u00df",   // ß
      "SS",
      "\u0130",  // İ
      "\u0131",  // ı
      "\u212b",  // Ångström sign, another Å
      "%",
      "_",
      "\\",
      "\\%",
      "*",
      "?",
      ".*",
      "[a-z]",
      "'",
      "\"",
      "''",
      "'; DROP TABLE x; --",
      "\" OR \"\"=\"",
      "1 OR 1=1",
      "$1",
      "?1",
      ":x",
      "$where",
      "{\"$gt\":\"\"}",
      "null",
      "NULL",
      "true",
      "0",
      "-0",
      "1e400",
      "NaN",
      "Infinity",
      "\x01",
      "\x7f",
      "\u0085",
      "\u200b",      // zero width space
      "\u202e",      // right to left override
      "\ufeff",      // byte order mark
      "\ufffd",      // replacement character
      "\uffff",      // a noncharacter of the BMP, before U+10000 by code point
      "\U00010000",  // behind it, yet before it by UTF-16 unit
      "\U0001f600",
      "\U0010ffff",
  };
  return *texts;
}

const std::vector<std::string>& HostileKeys() {
  static const auto* keys = new std::vector<std::string>{
      "",    "$",  "$set", "a.b", ".",   "..", "_id", "__proto__", "%",    "\\",
      "\"",  "'",  "a b",  "A",   "a",   "é",  "$.a", "a[0]",      "[0]",  "0",
      "*",   "-1", "\n",   "😀",  "key",
  };
  return *keys;
}

std::string RandomUuid(Random& random) {
  char text[37];
  std::snprintf(text, sizeof(text), "%08llx-%04llx-7%03llx-%04llx-%012llx",
                static_cast<unsigned long long>(random.engine()() & 0xffffffff),
                static_cast<unsigned long long>(random.engine()() & 0xffff),
                static_cast<unsigned long long>(random.engine()() & 0xfff),
                static_cast<unsigned long long>((random.engine()() & 0x3fff) | 0x8000),
                static_cast<unsigned long long>(random.engine()() & 0xffffffffffff));
  return text;
}

std::string RandomObjectId(Random& random) {
  char text[25];
  std::snprintf(text, sizeof(text), "%012llx%012llx",
                static_cast<unsigned long long>(random.engine()() & 0xffffffffffff),
                static_cast<unsigned long long>(random.engine()() & 0xffffffffffff));
  return text;
}

}  // namespace storegate::test

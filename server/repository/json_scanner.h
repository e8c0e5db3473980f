// JsonScanner: reads JSON text a token at a time (RFC 8259, strictly). Every
// call passes over white space first and answers false when the text is not what
// was asked for; after that the scanner's place has no meaning but position().
// One thread. The text outlives it and is well-formed UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace storegate::repository {

class JsonScanner {
 public:
  // Objects and arrays within each other; one deeper is refused. A message is at
  // most two of them ({"children":[…]}), and protobuf's parsers take a hundred
  // messages: what could be written can be read.
  static constexpr int kMaxDepth = 200;

  explicit JsonScanner(std::string_view text) : text_(text) {}

  // The first byte of the next token; 0 at the end.
  char Peek();
  // Passes over one byte of punctuation if it is next.
  bool Consume(char punctuation);
  // "true", "false" or "null".
  bool Literal(std::string_view word);
  bool Number(std::string_view* token);
  // The string without quotes and escapes. Valid until the next call.
  bool String(std::string_view* text);
  // Passes over any one value.
  bool Skip();
  bool AtEnd() { return Peek() == '\0' && position_ == text_.size(); }

  // Calls member(key) for each; it reads the value. `key` is valid until then.
  template <typename Member>
  bool Object(const Member& member) {
    return Enclosed('{', '}', [&] {
      std::string_view key;
      return String(&key) && Consume(':') && member(key);
    });
  }

  // Calls element() for each; it reads the value.
  template <typename Element>
  bool Array(const Element& element) {
    return Enclosed('[', ']', element);
  }

  // Bytes from the beginning, for error messages.
  size_t position() const { return position_; }

 private:
  template <typename Item>
  bool Enclosed(char open, char close, const Item& item) {
    if (!Consume(open) || depth_ == kMaxDepth) return false;
    ++depth_;
    if (!Consume(close)) {
      do {
        if (!item()) return false;
      } while (Consume(','));
      if (!Consume(close)) return false;
    }
    --depth_;
    return true;
  }

  bool Unescape();
  bool FourHexDigits(unsigned* value);

  std::string_view text_;
  size_t position_ = 0;
  int depth_ = 0;
  std::string unescaped_;  // of the last string that had escapes
};

}  // namespace storegate::repository

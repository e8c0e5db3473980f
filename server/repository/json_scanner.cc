#include "server/repository/json_scanner.h"

namespace storegate::repository {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(unsigned code, std::string* out) {
  const auto put = [out](unsigned byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

}  // namespace

char JsonScanner::Peek() {
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
    ++position_;
  }
  return '\0';
}

bool JsonScanner::Consume(char punctuation) {
  if (Peek() != punctuation || position_ == text_.size()) return false;
  ++position_;
  return true;
}

bool JsonScanner::Literal(std::string_view word) {
  Peek();
  if (!text_.substr(position_).starts_with(word)) return false;
  position_ += word.size();
  return true;
}

bool JsonScanner::Number(std::string_view* token) {
  Peek();
  const size_t start = position_;
  const auto at = [&](char c) { return position_ < text_.size() && text_[position_] == c; };
  const auto digits = [&] {
    const size_t first = position_;
    while (position_ < text_.size() && IsDigit(text_[position_])) ++position_;
    return position_ > first;
  };
  if (at('-')) ++position_;
  if (at('0')) {
    ++position_;  // a number has no leading zeros
  } else if (!digits()) {
    return false;
  }
  if (at('.')) {
    ++position_;
    if (!digits()) return false;
  }
  if (at('e') || at('E')) {
    ++position_;
    if (at('+') || at('-')) ++position_;
    if (!digits()) return false;
  }
  *token = text_.substr(start, position_ - start);
  return true;
}

bool JsonScanner::String(std::string_view* text) {
  if (!Consume('"')) return false;
  const size_t start = position_;
  bool escapes = false;
  unescaped_.clear();
  size_t copied = start;  // what is before is in unescaped_, once there are escapes
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == '"') {
      if (escapes) {
        unescaped_.append(text_, copied, position_ - copied);
        *text = unescaped_;
      } else {
        *text = text_.substr(start, position_ - start);
      }
      ++position_;
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20) return false;
    if (c == '\\') {
      escapes = true;
      unescaped_.append(text_, copied, position_ - copied);
      if (!Unescape()) return false;
      copied = position_;
    } else {
      ++position_;
    }
  }
  return false;
}

// From a backslash on: appends the character it stands for.
bool JsonScanner::Unescape() {
  if (text_.size() - position_ < 2) return false;
  const char kind = text_[position_ + 1];
  position_ += 2;
  switch (kind) {
    case '"':
    case '\\':
    case '/': unescaped_.push_back(kind); return true;
    case 'b': unescaped_.push_back('\b'); return true;
    case 'f': unescaped_.push_back('\f'); return true;
    case 'n': unescaped_.push_back('\n'); return true;
    case 'r': unescaped_.push_back('\r'); return true;
    case 't': unescaped_.push_back('\t'); return true;
    case 'u': break;
    default: return false;
  }
  unsigned code;
  if (!FourHexDigits(&code) || (code >= 0xDC00 && code <= 0xDFFF)) return false;
  if (code >= 0xD800 && code <= 0xDBFF) {
    // Half a character: it means something only with the other half behind.
    unsigned low;
    if (text_.substr(position_, 2) != "\\u") return false;
    position_ += 2;
    if (!FourHexDigits(&low) || low < 0xDC00 || low > 0xDFFF) return false;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  AppendUtf8(code, &unescaped_);
  return true;
}

bool JsonScanner::FourHexDigits(unsigned* value) {
  if (text_.size() - position_ < 4) return false;
  *value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = text_[position_++];
    const char lower = static_cast<char>(c | 0x20);
    if (!IsDigit(c) && (lower < 'a' || lower > 'f')) return false;
    *value = *value << 4 | static_cast<unsigned>(IsDigit(c) ? c - '0' : lower - 'a' + 10);
  }
  return true;
}

bool JsonScanner::Skip() {
  std::string_view ignored;
  switch (Peek()) {
    case '{': return Object([this](std::string_view) { return Skip(); });
    case '[': return Array([this] { return Skip(); });
    case '"': return String(&ignored);
    case 't': return Literal("true");
    case 'f': return Literal("false");
    case 'n': return Literal("null");
    default: return Number(&ignored);
  }
}

}  // namespace storegate::repository

// Documents of libbson as values: whoever holds a Bson owns it. Appending to one
// within 2 GiB never fails; a key never holds NUL.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <bson/bson.h>

namespace storegate::mongodb {

// Used by one thread at a time. Movable; what was moved from is only destroyed.
class Bson {
 public:
  Bson() : document_(bson_new()) {}
  // Takes ownership.
  explicit Bson(bson_t* document) : document_(document) {}

  Bson(Bson&& other) noexcept : document_(std::exchange(other.document_, nullptr)) {}
  Bson& operator=(Bson&& other) noexcept {
    std::swap(document_, other.document_);
    return *this;
  }
  ~Bson() {
    if (document_ != nullptr) bson_destroy(document_);
  }

  static Bson CopyOf(const bson_t* document) { return Bson(bson_copy(document)); }

  bson_t* get() { return document_; }
  const bson_t* get() const { return document_; }
  bool empty() const { return bson_empty(get()); }

  Bson& AddText(std::string_view key, std::string_view text) {
    // Without an address libbson takes a text for null.
    bson_append_utf8(get(), key.data(), Length(key), text.empty() ? "" : text.data(),
                     Length(text));
    return *this;
  }
  Bson& AddInt32(std::string_view key, int32_t value) {
    bson_append_int32(get(), key.data(), Length(key), value);
    return *this;
  }
  Bson& AddInt64(std::string_view key, int64_t value) {
    bson_append_int64(get(), key.data(), Length(key), value);
    return *this;
  }
  Bson& AddBool(std::string_view key, bool value) {
    bson_append_bool(get(), key.data(), Length(key), value);
    return *this;
  }
  // Milliseconds since 1970.
  Bson& AddDate(std::string_view key, int64_t millis) {
    bson_append_date_time(get(), key.data(), Length(key), millis);
    return *this;
  }
  Bson& AddNull(std::string_view key) {
    bson_append_null(get(), key.data(), Length(key));
    return *this;
  }
  Bson& AddDocument(std::string_view key, const Bson& value) {
    bson_append_document(get(), key.data(), Length(key), value.get());
    return *this;
  }
  // `value` has the keys "0", "1" …
  Bson& AddArray(std::string_view key, const Bson& value) {
    bson_append_array(get(), key.data(), Length(key), value.get());
    return *this;
  }

 private:
  static int Length(std::string_view text) { return static_cast<int>(text.size()); }

  bson_t* document_;
};

// A list being made. `to` outlives it.
class BsonArray {
 public:
  // The key of the next element; good until the next call.
  std::string_view NextKey() {
    const char* key;
    const size_t length = bson_uint32_to_string(size_++, &key, buffer_, sizeof buffer_);
    return {key, length};
  }
  BsonArray& Add(const Bson& document) {
    array_.AddDocument(NextKey(), document);
    return *this;
  }
  size_t size() const { return size_; }
  Bson& bson() { return array_; }
  const Bson& bson() const { return array_; }

 private:
  Bson array_;
  uint32_t size_ = 0;
  char buffer_[16];
};

}  // namespace storegate::mongodb

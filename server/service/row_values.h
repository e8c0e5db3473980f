// Values out of rows: of wire bytes, and as a session reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/query/value.h"
#include "server/repository/wire_sink.h"
#include "server/schema/schema.h"

namespace storegate::service {

// The value of a singular field in a record's wire bytes; null where it is unset, and for
// the zero of a plain field that refers to something.
Value ValueIn(std::string_view record, const schema::Field& field);

// Keeps the values of some fields of each row, and nothing else.
class ValueSink : public repository::Sink {
 public:
  // `fields` outlives the sink.
  explicit ValueSink(const std::vector<const schema::Field*>& fields) : fields_(fields) {}

  // One a row, in order of the fields.
  const std::vector<std::vector<Value>>& rows() const { return rows_; }

  void BeginRow() override { rows_.emplace_back(fields_.size()); }
  bool EndRow() override { return true; }
  void Bool(const schema::Field& field, bool value) override { Note(field, value); }
  void Int64(const schema::Field& field, int64_t value) override { Note(field, value); }
  void Double(const schema::Field& field, double value) override { Note(field, value); }
  void Text(const schema::Field& field, std::string_view value) override {
    Note(field, std::string(value));
  }
  void Bytes(const schema::Field& field, std::string_view value) override {
    Note(field, storegate::Bytes{std::string(value)});
  }
  Status Json(const schema::Field&, std::string_view) override { return {}; }
  void Wire(const schema::Field&, std::string_view) override {}
  void Version(int64_t) override {}

 private:
  void Note(const schema::Field& field, Value value) {
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i] == &field) rows_.back()[i] = std::move(value);
    }
  }

  const std::vector<const schema::Field*>& fields_;
  std::vector<std::vector<Value>> rows_;
};

// One row of an entity: its wire bytes, and the value that one field has in it.
struct ValuedRow {
  Value value;
  std::string bytes;
};

// Before the sink that writes into it.
struct RowBytes {
  std::string bytes;
};

// Keeps each row on its own.
class RowSink : private RowBytes, public repository::WireSink {
 public:
  // Rows past `max_bytes` are not taken: full().
  RowSink(const schema::Entity& entity, const schema::Field& field, size_t max_bytes)
      : WireSink(&bytes), key_({{&field, false}}), max_bytes_(max_bytes) {
    SetEntity(&entity);
    Remember(&key_);
  }

  std::vector<ValuedRow>& taken() { return taken_; }
  size_t held() const { return held_; }
  bool full() const { return held_ > max_bytes_; }

  bool EndRow() override {
    WireSink::EndRow();
    held_ += bytes.size();
    taken_.push_back({last_values()[0], std::move(bytes)});
    bytes.clear();
    return !full();
  }

 private:
  const query::Order key_;
  const size_t max_bytes_;
  std::vector<ValuedRow> taken_;
  size_t held_ = 0;
};

}  // namespace storegate::service

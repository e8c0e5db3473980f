// Rows as protobuf wire bytes, appended to one string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/query/order.h"
#include "server/query/value.h"
#include "server/repository/sink.h"

namespace storegate::repository {

// Each row is written bare, or, with `list_field` > 0, as one element of the
// repeated field of that number: a list response is then the concatenation of
// its records.
class WireSink : public Sink {
 public:
  // Rows are appended to *out, which outlives the sink. Input-only fields are
  // left out unless `with_secrets`.
  explicit WireSink(std::string* out, int list_field = 0, bool with_secrets = false);

  // The page is full (EndRow answers false) when `max_bytes` of rows are in;
  // 0: no bound. The first row always goes in.
  void StopAfter(size_t max_bytes) { max_bytes_ = max_bytes; }
  // Keeps the values of these fields of the row written last (page tokens).
  void Remember(const query::Order* order);

  void BeginRow() override;
  bool EndRow() override;
  void Bool(const schema::Field& field, bool value) override;
  void Int64(const schema::Field& field, int64_t value) override;
  void Double(const schema::Field& field, double value) override;
  void Text(const schema::Field& field, std::string_view value) override;
  void Bytes(const schema::Field& field, std::string_view value) override;
  Status Json(const schema::Field& field, std::string_view json) override;
  void Wire(const schema::Field& field, std::string_view bytes) override;
  void Version(int64_t version) override;

  // Which entity the version is for: its etag field, null when it has none.
  void SetEntity(const schema::Entity* entity) { entity_ = entity; }

  size_t size() const { return out_->size(); }
  size_t rows() const { return rows_; }
  bool full() const { return full_; }
  const std::vector<Value>& last_values() const { return last_; }

 private:
  bool Hidden(const schema::Field& field) const { return field.input_only && !with_secrets_; }
  void Note(const schema::Field& field, Value value);

  std::string* out_;
  int list_field_;
  bool with_secrets_;
  const schema::Entity* entity_ = nullptr;
  size_t start_of_row_ = 0;
  size_t start_of_sink_ = 0;
  size_t max_bytes_ = 0;
  size_t rows_ = 0;
  bool full_ = false;
  const query::Order* order_ = nullptr;
  std::vector<Value> last_;
};

}  // namespace storegate::repository

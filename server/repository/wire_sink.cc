#include "server/repository/wire_sink.h"

#include <utility>

#include "server/base/text.h"
#include "server/base/wire.h"
#include "server/repository/json.h"
#include "server/repository/scalar.h"

namespace storegate::repository {

using schema::Field;
using schema::Presence;
using schema::Type;

namespace {

// Proto3: a plain scalar that is zero is not written; whatever can be unset is.
bool ZeroIsLeftOut(const Field& field) { return field.presence == Presence::kPlain; }

void AppendInteger(const Field& field, int64_t value, std::string* out) {
  const auto type = field.value->type();
  char buffer[kScalarMax];
  if (field.wrapper) {
    char* p = buffer;
    if (value != 0) p = PutInteger(type, value, PutTag(1, WireTypeOf(type), p));
    AppendSmallMessage(field.number, buffer, p, out);
    return;
  }
  if (value == 0 && ZeroIsLeftOut(field)) return;
  char* p = PutInteger(type, value, PutTag(field.number, WireTypeOf(type), buffer));
  out->append(buffer, p - buffer);
}

// Strings and bytes.
void AppendLong(const Field& field, std::string_view value, std::string* out) {
  char head[kScalarMax];
  if (field.wrapper) {
    const size_t inner = value.empty() ? 0 : 1 + wire::VarintSize(value.size()) + value.size();
    char* p = PutVarint(inner, PutTag(field.number, wire::kLength, head));
    if (inner != 0) p = PutVarint(value.size(), PutTag(1, wire::kLength, p));
    out->append(head, p - head);
  } else {
    if (value.empty() && ZeroIsLeftOut(field)) return;
    char* p = PutVarint(value.size(), PutTag(field.number, wire::kLength, head));
    out->append(head, p - head);
  }
  out->append(value);
}

}  // namespace

WireSink::WireSink(std::string* out, int list_field, bool with_secrets)
    : out_(out),
      list_field_(list_field),
      with_secrets_(with_secrets),
      start_of_row_(out->size()),
      start_of_sink_(out->size()) {}

void WireSink::Remember(const query::Order* order) {
  order_ = order;
  last_.assign(order == nullptr ? 0 : order->size(), Value());
}

void WireSink::BeginRow() {
  if (list_field_ > 0) start_of_row_ = wire::Begin(list_field_, out_);
  if (order_ != nullptr) last_.assign(order_->size(), Value());
}

bool WireSink::EndRow() {
  if (list_field_ > 0) wire::End(start_of_row_, out_);
  ++rows_;
  if (max_bytes_ > 0 && out_->size() - start_of_sink_ >= max_bytes_) full_ = true;
  return !full_;
}

// Only lists for pages remember, so callers test order_ before they make a Value.
void WireSink::Note(const Field& field, Value value) {
  for (size_t i = 0; i < order_->size(); ++i) {
    if ((*order_)[i].field == &field) {
      last_[i] = std::move(value);
      return;
    }
  }
}

void WireSink::Bool(const Field& field, bool value) {
  if (Hidden(field)) return;
  if (order_ != nullptr) Note(field, value);
  AppendInteger(field, value ? 1 : 0, out_);
}

void WireSink::Int64(const Field& field, int64_t value) {
  if (Hidden(field)) return;
  if (order_ != nullptr) Note(field, value);
  if (field.type == Type::kTimestamp || field.type == Type::kDuration) {
    char buffer[kScalarMax];
    const char* end = field.type == Type::kTimestamp ? PutTimestamp(value, buffer)
                                                     : PutDuration(value, buffer);
    AppendSmallMessage(field.number, buffer, end, out_);
    return;
  }
  AppendInteger(field, value, out_);
}

void WireSink::Double(const Field& field, double value) {
  if (Hidden(field)) return;
  if (order_ != nullptr) Note(field, value + 0.0);
  const auto type = field.value->type();
  // What is no float's zero as a double may be as a float.
  const bool zero = field.type == Type::kFloat ? static_cast<float>(value) == 0 : value == 0;
  char buffer[kScalarMax];
  if (field.wrapper) {
    char* p = buffer;
    if (!zero) p = PutReal(type, value, PutTag(1, WireTypeOf(type), p));
    AppendSmallMessage(field.number, buffer, p, out_);
    return;
  }
  if (zero && ZeroIsLeftOut(field)) return;
  char* p = PutReal(type, value, PutTag(field.number, WireTypeOf(type), buffer));
  out_->append(buffer, p - buffer);
}

void WireSink::Text(const Field& field, std::string_view value) {
  if (Hidden(field)) return;
  if (order_ != nullptr) Note(field, std::string(value));
  if (field.type == Type::kEnum) {
    // A name that this schema does not have: a newer gateway wrote it.
    if (const std::optional<int> number = field.enum_type->NumberOf(value)) {
      AppendInteger(field, *number, out_);
    }
    return;
  }
  AppendLong(field, value, out_);
}

void WireSink::Bytes(const Field& field, std::string_view value) {
  if (Hidden(field)) return;
  if (order_ != nullptr) Note(field, storegate::Bytes{std::string(value)});
  AppendLong(field, value, out_);
}

Status WireSink::Json(const Field& field, std::string_view json) {
  if (Hidden(field)) return {};
  return JsonToWire(json, field, out_);
}

void WireSink::Wire(const Field& field, std::string_view bytes) {
  if (!Hidden(field)) out_->append(bytes);
}

void WireSink::Version(int64_t version) {
  if (entity_ == nullptr || entity_->etag == nullptr) return;
  AppendLong(*entity_->etag, FormatEtag(version), out_);
}

}  // namespace storegate::repository

#include "tests/support/expected_aggregate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <utility>

#include "server/base/time_zone.h"
#include "server/query/evaluate.h"
#include "server/query/order.h"
#include "server/query/predicate.h"

namespace storegate::test {
namespace {

using query::Predicate;
using schema::Aggregate;
using schema::Compute;
using schema::Field;
using schema::GroupBy;
using schema::Type;
using Function = schema::Compute::Function;

// What google.protobuf.Duration holds at most, in microseconds.
constexpr __int128 kDurationMax = 315576000000999999;

// A row; what is not in it is null.
using Row = std::map<const Field*, Value>;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "expected aggregate: %s\n", what.c_str());
  std::abort();
}

Value In(const Row& row, const Field* field) {
  const auto found = row.find(field);
  return found == row.end() ? Value() : found->second;
}

double AsDouble(const Value& value) {
  const auto* whole = std::get_if<int64_t>(&value);
  return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value);
}

// Two-valued: nothing is true of null but that it is not set.
bool Holds(const Predicate& predicate, const Row& row) {
  const auto holds = [&](const Predicate& child) { return Holds(child, row); };
  const Value value = predicate.path.field == nullptr ? Value() : In(row, predicate.path.field);
  const auto equals = [&](const Value& other) {
    if (IsNull(value)) return false;
    if (std::holds_alternative<double>(value)) return AsDouble(value) == AsDouble(other);
    return value == other;
  };
  switch (predicate.kind) {
    case Predicate::Kind::kTrue: return true;
    case Predicate::Kind::kFalse: return false;
    case Predicate::Kind::kAnd: return std::ranges::all_of(predicate.children, holds);
    case Predicate::Kind::kOr: return std::ranges::any_of(predicate.children, holds);
    case Predicate::Kind::kNot: return !Holds(predicate.children[0], row);
    case Predicate::Kind::kIsSet: return !IsNull(value);
    case Predicate::Kind::kIn: return std::ranges::any_of(predicate.values, equals);
    case Predicate::Kind::kCompare: break;
    default: Die("a predicate of a row: " + query::Describe(predicate));
  }
  if (predicate.op == query::Compare::kEq) return equals(predicate.value);
  if (predicate.op == query::Compare::kNe) return !equals(predicate.value);
  if (IsNull(value)) return false;
  const bool real = std::holds_alternative<double>(value);
  const bool less = real ? AsDouble(value) < AsDouble(predicate.value) : value < predicate.value;
  const bool same = equals(predicate.value);
  switch (predicate.op) {
    case query::Compare::kLt: return less;
    case query::Compare::kLe: return less || same;
    case query::Compare::kGt: return !less && !same;
    default: return !less;
  }
}

Value KeyOf(const GroupBy& group, const Message& record, const std::string& zone) {
  const Value value = GetValue(record, *group.field);
  if (group.unit == GroupBy::Unit::kValue || IsNull(value)) return value;
  TimePart part = TimePart::kHour;
  if (group.unit == GroupBy::Unit::kYear) part = TimePart::kYear;
  if (group.unit == GroupBy::Unit::kMonth) part = TimePart::kMonth;
  if (group.unit == GroupBy::Unit::kDay) part = TimePart::kDay;
  return LocalPart(std::get<int64_t>(value), part, zone);
}

std::string ZoneOf(const GroupBy& group, const Message& request) {
  if (group.time_zone_field == nullptr) return group.time_zone;
  const Value zone = GetValue(request, group.time_zone_field);
  return IsNull(zone) ? "" : std::get<std::string>(zone);
}

// Of the records' values that are not null.
class Totals {
 public:
  explicit Totals(std::vector<Value> values) : values_(std::move(values)) {
    for (const Value& value : values_) {
      if (const auto* whole = std::get_if<int64_t>(&value)) {
        whole_ += *whole;
      } else if (const auto* real = std::get_if<double>(&value)) {
        (std::abs(*real) >= 0x1p900 ? large_ : small_) += *real * 0x1p-100;
      }
    }
  }

  Value Average(bool real) const {
    const double sum = real ? Real() : static_cast<double>(whole_);
    if (values_.empty() || std::isnan(sum)) return {};
    return sum / static_cast<double>(values_.size());
  }
  // False when it is out of range.
  bool Sum(const Field& source, Value* sum) const {
    if (source.type == Type::kFloat || source.type == Type::kDouble) {
      *sum = std::isnan(Real()) ? Value() : Value(Real());
      return true;
    }
    const bool duration = source.type == Type::kDuration;
    const __int128 most = duration ? kDurationMax : std::numeric_limits<int64_t>::max();
    const __int128 least = duration ? -kDurationMax : std::numeric_limits<int64_t>::min();
    *sum = static_cast<int64_t>(whole_);
    return whole_ >= least && whole_ <= most;
  }
  Value Least() const {
    return values_.empty() ? Value() : *std::min_element(values_.begin(), values_.end());
  }
  Value Greatest() const {
    return values_.empty() ? Value() : *std::max_element(values_.begin(), values_.end());
  }
  int64_t Different() const {
    return static_cast<int64_t>(std::set<Value>(values_.begin(), values_.end()).size());
  }

 private:
  // Past the largest double only where the whole sum is; large values apart, so that others
  // are not lost in them whatever the order.
  double Real() const { return small_ * 0x1p100 + large_ * 0x1p100 + 0.0; }

  const std::vector<Value> values_;
  __int128 whole_ = 0;
  double small_ = 0, large_ = 0;  // 2^100 times smaller
};

// False when it is out of range.
bool Computed(const Compute& compute, const std::vector<const Message*>& records, Value* value) {
  if (compute.function == Function::kCount) {
    *value = static_cast<int64_t>(records.size());
    return true;
  }
  std::vector<Value> values;
  for (const Message* record : records) {
    Value one = GetValue(*record, *compute.field);
    if (!IsNull(one)) values.push_back(std::move(one));
  }
  const Totals totals(std::move(values));
  switch (compute.function) {
    case Function::kSum: return totals.Sum(*compute.field, value);
    case Function::kAverage:
      *value = totals.Average(compute.field->type == Type::kFloat ||
                              compute.field->type == Type::kDouble);
      return true;
    case Function::kMinimum: *value = totals.Least(); return true;
    case Function::kMaximum: *value = totals.Greatest(); return true;
    default: *value = totals.Different(); return true;
  }
}

query::Order OrderOf(const Aggregate& aggregate) {
  query::Order order;
  if (!aggregate.order_by.empty()) {
    const auto parsed = query::ParseOrder(aggregate.order_by, aggregate.row.entity);
    if (!parsed.ok()) Die("order_by: " + parsed.status().ToString());
    order = *parsed;
  }
  for (const GroupBy& group : aggregate.groups) {
    if (std::ranges::find(order, group.into, &query::SortKey::field) == order.end()) {
      order.push_back({group.into, false});
    }
  }
  return order;
}

// An empty text is no condition.
Predicate Bound(const std::string& text, const schema::Entity& entity, const Message* request) {
  if (text.empty()) return Predicate::True();
  const auto parsed = query::Template::Parse(
      text, entity, request == nullptr ? nullptr : request->GetDescriptor(), nullptr);
  if (!parsed.ok()) Die(text + ": " + parsed.status().ToString());
  const auto bound = parsed->Bind(request);
  if (!bound.ok()) Die(text + ": " + bound.status().ToString());
  return *bound;
}

}  // namespace

Predicate WhereOf(const schema::Method& method, const Message& request) {
  return Bound(method.aggregate->filter, *method.entity, &request);
}

ExpectedRows ExpectedOf(const schema::Method& method, const std::vector<MessagePtr>& records,
                        const Message& request) {
  const Aggregate& aggregate = *method.aggregate;
  const Predicate where = WhereOf(method, request);
  std::map<std::vector<Value>, std::vector<const Message*>> groups;
  if (aggregate.groups.empty()) groups[{}];
  for (const MessagePtr& record : records) {
    if (!query::Matches(where, *record)) continue;
    std::vector<Value> key;
    for (const GroupBy& group : aggregate.groups) {
      key.push_back(KeyOf(group, *record, ZoneOf(group, request)));
    }
    groups[key].push_back(record.get());
  }
  ExpectedRows expected;
  const Predicate having = Bound(aggregate.having, aggregate.row.entity, nullptr);
  std::vector<Row> rows;
  for (const auto& [key, members] : groups) {
    Row row;
    for (size_t i = 0; i < key.size(); ++i) row[aggregate.groups[i].into] = key[i];
    for (const Compute& compute : aggregate.computes) {
      Value value;
      if (!Computed(compute, members, &value)) expected.overflown.insert(compute.into->name);
      row[compute.into] = value;
    }
    if (Holds(having, row)) rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, [order = OrderOf(aggregate)](const Row& a, const Row& b) {
    for (const query::SortKey& key : order) {
      const Value left = In(a, key.field), right = In(b, key.field);
      if (left != right) return key.descending ? right < left : left < right;
    }
    return false;
  });
  const size_t limit = aggregate.limit > 0 ? static_cast<size_t>(aggregate.limit) : rows.size();
  expected.hidden = limit < rows.size() || rows.size() < groups.size();
  for (size_t i = 0; i < std::min(limit, rows.size()); ++i) {
    MessagePtr message(aggregate.row.entity.prototype->New());
    for (const auto& [field, value] : rows[i]) {
      if (!IsNull(value)) SetValue(message.get(), *field, value);
    }
    expected.rows.push_back(std::move(message));
  }
  return expected;
}

std::set<const Field*> SourcesOf(const Aggregate& aggregate) {
  std::set<const Field*> sources;
  for (const GroupBy& group : aggregate.groups) sources.insert(group.field);
  for (const Compute& compute : aggregate.computes) {
    if (compute.field != nullptr) sources.insert(compute.field);
  }
  return sources;
}

}  // namespace storegate::test

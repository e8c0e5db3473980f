#include "server/adapters/mongodb/aggregates.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "server/adapters/mongodb/element.h"
#include "server/adapters/mongodb/expression.h"
#include "server/adapters/mongodb/filter_parts.h"
#include "server/adapters/mongodb/predicates.h"
#include "server/adapters/mongodb/types.h"
#include "server/base/time.h"
#include "server/repository/row_status.h"

namespace storegate::mongodb {

using repository::AggregateQuery;
using schema::Aggregate;
using schema::Compute;
using schema::Field;
using schema::GroupBy;
using schema::Type;
using Function = schema::Compute::Function;
using Unit = schema::GroupBy::Unit;

namespace {

constexpr std::string_view kId = "_id";

// What a $group calls what it makes.
std::string GroupName(size_t i) { return "g" + std::to_string(i); }
std::string GroupPath(size_t i) { return "_id." + GroupName(i); }
std::string ValueName(size_t i) { return "v" + std::to_string(i); }
// Of an average: how many values there are.
std::string CountName(size_t i) { return "n" + std::to_string(i); }
// Of a sum of doubles: that of the large ones, scaled down.
std::string LargeName(size_t i) { return "l" + std::to_string(i); }

// What goes past the largest double while it is added up, and comes back, is not to depend
// on the order: from 2^900 on doubles are added apart, 2^100 times smaller, as the other
// databases' adapters do.
constexpr double kLarge = 0x1p900, kScale = 0x1p100;

bool IsReal(const Field& field) {
  return field.type == Type::kFloat || field.type == Type::kDouble;
}

Expression NotANumber() { return Expression::Double(std::numeric_limits<double>::quiet_NaN()); }

// A field's value; ObjectIds as the texts that they are to callers, and to sort with those
// that are none.
Expression Source(const Field& field) {
  Expression path = Expression::Path(NameOf(field));
  return KeepsObjectIds(field) ? Expression::Unary("$toString", path) : std::move(path);
}

Expression DateToString(const Expression& date, std::string_view format, const std::string& zone) {
  Bson named, call;
  date.AppendTo("date", &named);
  named.AddText("format", format);
  if (!zone.empty()) Expression::Text(zone).AppendTo("timezone", &named);
  call.AddDocument("$dateToString", named);
  return Expression(call);
}

// A part of a time; null where there is none.
Expression PartOf(const GroupBy& group, const std::string& zone) {
  // MongoDB writes no year past 9999, and where clocks are ahead the last day that a
  // Timestamp can be is in one. The calendar is the same 400 years before.
  constexpr int64_t kDay = 86400000;
  constexpr int64_t kLastDay = kMaxTimestampMillis + 1 - kDay;
  constexpr int64_t kCycle = 146097 * kDay;
  constexpr std::string_view kYear = "%Y";
  std::string rest;
  if (group.unit != Unit::kYear) rest += "-%m";
  if (group.unit == Unit::kDay || group.unit == Unit::kHour) rest += "-%d";
  if (group.unit == Unit::kHour) rest += "T%H";
  const Expression time = Expression::Path(NameOf(*group.field));
  const Expression before = Expression::Call("$subtract", time, Expression::Long(kCycle));
  Expression late = Expression::Call(
      "$cond",
      Expression::Call("$eq", DateToString(before, kYear, zone), Expression::Text("9600")),
      Expression::Text("10000"), Expression::Text("9999"));
  if (!rest.empty()) late = Expression::Call("$concat", late, DateToString(before, rest, zone));
  return Expression::Call("$cond",
                          Expression::Call("$lt", time, Expression::Date(kLastDay)),
                          DateToString(time, std::string(kYear) + rest, zone), late);
}

// What documents are grouped by; null too where there is nothing, so that this is one group.
Expression GroupKey(const GroupBy& group, const std::string& zone) {
  if (group.unit != Unit::kValue) {
    return Expression::Call("$ifNull", PartOf(group, zone), Expression::Null());
  }
  return Expression::Call("$ifNull", Source(*group.field), Expression::Null());
}

Expression IsLarge(const Expression& value) {
  return Expression::Call("$gte", Expression::Unary("$abs", value), Expression::Double(kLarge));
}

// Of integers a decimal. What is null, or nothing, adds nothing.
Expression Sum(const Field& field) {
  const Expression path = Expression::Path(NameOf(field));
  if (IsReal(field)) {
    return Expression::Unary(
        "$sum", Expression::Call("$cond", IsLarge(path), Expression::Int(0), path));
  }
  return Expression::Unary("$sum",
                           Expression::Call("$multiply", path, Expression::Decimal("1")));
}

Expression SumOfLarge(const Field& field) {
  const Expression path = Expression::Path(NameOf(field));
  const Expression scaled = Expression::Call("$divide", path, Expression::Double(kScale));
  return Expression::Unary(
      "$sum", Expression::Call("$cond", IsLarge(path), scaled, Expression::Int(0)));
}

Expression CountOfSet(const Field& field) {
  return Expression::Unary(
      "$sum", Expression::Call("$cond",
                               Expression::Call("$gt", Expression::Path(NameOf(field)),
                                                Expression::Null()),
                               Expression::Int(1), Expression::Int(0)));
}

Expression Accumulator(const Compute& compute) {
  switch (compute.function) {
    case Function::kSum:
    case Function::kAverage: return Sum(*compute.field);
    case Function::kMinimum: return Expression::Unary("$min", Source(*compute.field));
    case Function::kMaximum: return Expression::Unary("$max", Source(*compute.field));
    case Function::kDistinct: return Expression::Unary("$addToSet", Source(*compute.field));
    case Function::kCount: break;
  }
  return Expression::Unary("$sum", Expression::Int(1));
}

// The sum as a double, of what the group made.
Expression DoubleSum(const Compute& compute, size_t i) {
  Expression sum = Expression::Unary("$toDouble", Expression::Path(ValueName(i)));
  if (!IsReal(*compute.field)) return sum;
  return Expression::Call("$add", sum,
                          Expression::Call("$multiply", Expression::Path(LargeName(i)),
                                           Expression::Double(kScale)));
}

Expression NullIfNaN(const Expression& value) {
  return Expression::Call("$cond", Expression::Call("$eq", value, NotANumber()),
                          Expression::Null(), value);
}

// The value that a row has, of what the group made.
Expression ValueOf(const Compute& compute, size_t i) {
  Expression value = Expression::Path(ValueName(i));
  switch (compute.function) {
    case Function::kSum:
      if (IsReal(*compute.field)) return NullIfNaN(DoubleSum(compute, i));
      break;
    case Function::kAverage: {
      const Expression count = Expression::Path(CountName(i));
      const Expression average =
          Expression::Call("$divide", DoubleSum(compute, i), Expression::Unary("$toDouble", count));
      return Expression::Call("$cond", Expression::Call("$eq", count, Expression::Int(0)),
                              Expression::Null(), NullIfNaN(average));
    }
    case Function::kDistinct: {
      BsonArray null;
      null.bson().AddNull(null.NextKey());
      return Expression::Unary(
          "$size", Expression::Call("$setDifference", value, Expression(List("$literal", null))));
    }
    case Function::kCount:
    case Function::kMinimum:
    case Function::kMaximum: break;
  }
  return value;
}

bool AddsDoubles(const Compute& compute) {
  return (compute.function == Function::kSum || compute.function == Function::kAverage) &&
         IsReal(*compute.field);
}

// --- Stages ---

Bson Group(const AggregateQuery& query) {
  const Aggregate& aggregate = *query.aggregate;
  Bson by, group;
  for (size_t i = 0; i < aggregate.groups.size(); ++i) {
    GroupKey(aggregate.groups[i], query.time_zones[i]).AppendTo(GroupName(i), &by);
  }
  aggregate.groups.empty() ? group.AddNull(kId) : group.AddDocument(kId, by);
  for (size_t i = 0; i < aggregate.computes.size(); ++i) {
    const Compute& compute = aggregate.computes[i];
    Accumulator(compute).AppendTo(ValueName(i), &group);
    if (compute.function == Function::kAverage) {
      CountOfSet(*compute.field).AppendTo(CountName(i), &group);
    }
    if (AddsDoubles(compute)) SumOfLarge(*compute.field).AppendTo(LargeName(i), &group);
  }
  return Document("$group", group);
}

// Without groups there is one of all, but MongoDB makes none of nothing. What it would be:
Bson GroupOfNothing(const Aggregate& aggregate) {
  Bson group;
  group.AddNull(kId);
  for (size_t i = 0; i < aggregate.computes.size(); ++i) {
    const Function function = aggregate.computes[i].function;
    const std::string name = ValueName(i);
    if (function == Function::kDistinct) {
      group.AddArray(name, Bson());
    } else if (function == Function::kMinimum || function == Function::kMaximum) {
      group.AddNull(name);
    } else {
      group.AddInt32(name, 0);
    }
    if (function == Function::kAverage) group.AddInt32(CountName(i), 0);
    if (AddsDoubles(aggregate.computes[i])) group.AddInt32(LargeName(i), 0);
  }
  return group;
}

// Two stages that give the one group that comes, or that of nothing.
void AddOneGroup(const Aggregate& aggregate, BsonArray* pipeline) {
  BsonArray first;
  first.Add(std::move(Bson().AddInt32("$limit", 1)));
  pipeline->Add(Document("$facet", List("groups", first)));
  const Expression group = Expression::Call(
      "$ifNull", Expression::Call("$arrayElemAt", Expression::Path("groups"), Expression::Int(0)),
      Expression(Document("$literal", GroupOfNothing(aggregate))));
  Bson root;
  group.AppendTo("newRoot", &root);
  pipeline->Add(Document("$replaceRoot", root));
}

Bson Project(const Aggregate& aggregate) {
  Bson project;
  for (size_t i = 0; i < aggregate.groups.size(); ++i) {
    Expression::Path(GroupPath(i)).AppendTo(NameOf(*aggregate.groups[i].into), &project);
  }
  for (size_t i = 0; i < aggregate.computes.size(); ++i) {
    ValueOf(aggregate.computes[i], i).AppendTo(NameOf(*aggregate.computes[i].into), &project);
  }
  if (!bson_has_field(project.get(), std::string(kId).c_str())) project.AddInt32(kId, 0);
  return Document("$project", project);
}

void AddLimit(const AggregateQuery& query, BsonArray* pipeline) {
  if (query.limit > 0) pipeline->Add(std::move(Bson().AddInt64("$limit", query.limit)));
}

Bson Command(const AggregateQuery& query, const BsonArray& pipeline) {
  Bson command;
  command.AddText("aggregate", query.entity->collection);
  command.AddArray("pipeline", pipeline.bson());
  command.AddDocument("cursor", Bson());
  command.AddBool("allowDiskUse", true);
  return command;
}

bool SumsIntegers(const Compute& compute) {
  return compute.function == Function::kSum && !IsReal(*compute.field);
}

}  // namespace

bool IsPlain(const AggregateQuery& query) {
  const Aggregate& aggregate = *query.aggregate;
  if (query.having.kind != query::Predicate::Kind::kTrue || aggregate.computes.size() != 1) {
    return false;
  }
  const Function function = aggregate.computes[0].function;
  return (function == Function::kCount || function == Function::kSum) &&
         std::ranges::all_of(aggregate.groups,
                             [](const GroupBy& group) { return group.unit == Unit::kValue; });
}

Result<Bson> AggregateCommand(const AggregateQuery& query, const Bson& filter) {
  const Result<Bson> having = FilterOf(query.having);
  if (!having.ok()) return having.status();
  BsonArray pipeline;
  pipeline.Add(Document("$match", filter)).Add(Group(query));
  if (query.aggregate->groups.empty()) AddOneGroup(*query.aggregate, &pipeline);
  pipeline.Add(Project(*query.aggregate));
  if (!having->empty()) pipeline.Add(Document("$match", *having));
  if (!query.order.empty()) pipeline.Add(Document("$sort", SortOf(query.order)));
  AddLimit(query, &pipeline);
  return Command(query, pipeline);
}

Bson PlainAggregateCommand(const AggregateQuery& query, const Bson& filter) {
  const Aggregate& aggregate = *query.aggregate;
  const Compute& compute = aggregate.computes[0];
  Bson by, group, value, sort;
  for (size_t i = 0; i < aggregate.groups.size(); ++i) {
    Expression::Path(NameOf(*aggregate.groups[i].field)).AppendTo(GroupName(i), &by);
  }
  aggregate.groups.empty() ? group.AddNull(kId) : group.AddDocument(kId, by);
  const Expression summand = compute.field == nullptr ? Expression::Int(1)
                                                      : Expression::Path(NameOf(*compute.field));
  Expression::Unary("$sum", summand).AppendTo(ValueName(0), &group);
  for (const query::SortKey& key : query.order) {
    std::string name = ValueName(0);
    for (size_t i = 0; i < aggregate.groups.size(); ++i) {
      if (aggregate.groups[i].into == key.field) name = GroupPath(i);
    }
    sort.AddInt32(name, key.descending ? -1 : 1);
  }
  BsonArray pipeline;
  pipeline.Add(Document("$match", filter)).Add(Document("$group", group));
  if (!sort.empty()) pipeline.Add(Document("$sort", sort));
  AddLimit(query, &pipeline);
  return Command(query, pipeline);
}

Bson NamedRow(const AggregateQuery& query, const bson_t* plain) {
  const Aggregate& aggregate = *query.aggregate;
  Bson row;
  const auto add = [&](const std::string& path, const Field& into) {
    bson_iter_t at, found;
    if (!bson_iter_init(&at, plain) || !bson_iter_find_descendant(&at, path.c_str(), &found)) {
      return;
    }
    const std::string_view name = NameOf(into);
    bson_append_iter(row.get(), name.data(), static_cast<int>(name.size()), &found);
  };
  for (size_t i = 0; i < aggregate.groups.size(); ++i) add(GroupPath(i), *aggregate.groups[i].into);
  add(ValueName(0), *aggregate.computes[0].into);
  return row;
}

Bson EmptyRow(const Aggregate& aggregate) {
  Bson row;
  for (const Compute& compute : aggregate.computes) {
    if (compute.function == Function::kMinimum || compute.function == Function::kMaximum ||
        compute.function == Function::kAverage) {
      continue;
    }
    row.AddInt32(NameOf(*compute.into), 0);
  }
  return row;
}

Status CheckSums(const Aggregate& aggregate, const bson_t* row) {
  for (const Compute& compute : aggregate.computes) {
    bson_iter_t at;
    if (!SumsIntegers(compute) ||
        !bson_iter_init_find(&at, row, std::string(NameOf(*compute.into)).c_str())) {
      continue;
    }
    std::optional<int64_t> sum = IntegerAt(at, Type::kInt64);
    // Past 64 bits a plain sum is a double, and next to the least integer one that is rounded.
    const bool least = sum == std::numeric_limits<int64_t>::min();
    if (least && BSON_ITER_HOLDS_DOUBLE(&at)) sum.reset();
    Status status = repository::CheckSum(*compute.into, sum);
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace storegate::mongodb

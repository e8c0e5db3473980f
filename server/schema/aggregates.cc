// Builder, the part of (storegate.v1.aggregate): groups, what is computed of each,
// and the fields of the response's rows that they go into.
#include <algorithm>
#include <set>

#include "server/base/text.h"
#include "server/base/time_zone.h"
#include "server/schema/builder.h"
#include "server/schema/location.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

constexpr size_t kMaxGroups = 8;
constexpr size_t kMaxComputes = 32;
constexpr int kMaxRows = 10000;

bool IsInteger(Type type) {
  return type == Type::kInt32 || type == Type::kInt64 || type == Type::kUint32;
}
bool IsReal(Type type) { return type == Type::kFloat || type == Type::kDouble; }

// What is given for one value, or nothing.
struct Wanted {
  std::string text;
  bool fits;
};

// Reads one aggregate; reports what is wrong with it.
class AggregateReader {
 public:
  using Report = std::function<void(std::string)>;

  AggregateReader(const Method& method, Aggregate* aggregate, Report report)
      : method_(method), entity_(*method.entity), aggregate_(aggregate),
        report_(std::move(report)) {}

  void Read(const v1::AggregateOptions& options) {
    aggregate_->filter = options.filter();
    aggregate_->having = options.having();
    aggregate_->order_by = options.order_by();
    aggregate_->limit = options.limit();
    if (options.limit() < 0 || options.limit() > kMaxRows) {
      Say("has limit " + std::to_string(options.limit()) + "; it must be from 1 to " +
          std::to_string(kMaxRows));
    }
    if (options.compute_size() == 0 && options.group_by_size() == 0) {
      Say("computes nothing; give its aggregate a `compute`, or a `group_by`");
    }
    if (static_cast<size_t>(options.group_by_size()) > kMaxGroups ||
        static_cast<size_t>(options.compute_size()) > kMaxComputes) {
      Say("has too many values; at most " + std::to_string(kMaxGroups) + " group_by and " +
          std::to_string(kMaxComputes) + " compute");
    }
    for (const v1::GroupBy& group : options.group_by()) ReadGroup(group);
    for (const v1::Compute& compute : options.compute()) ReadCompute(compute);
    for (const Field& field : aggregate_->row.entity.fields) {
      if (filled_.count(&field) == 0 && !wrong_) {
        Say("fills nothing into " + Label(field) + "; name it with `into`, or remove it");
      }
    }
  }

 private:
  void Say(const std::string& what) {
    wrong_ = true;
    report_(method_.name + " " + what);
  }
  static std::string Label(const Field& field) { return field.entity->name + "." + field.name; }

  // A field of the entity that has one value which sorts.
  const Field* Source(const std::string& name) {
    const Field* field = entity_.Find(name);
    if (field == nullptr) {
      std::vector<std::string> names;
      for (const Field* stored : entity_.stored) names.push_back(stored->name);
      Say("computes of " + Quoted(name) + ", but " + entity_.name + " has no such field" +
          DidYouMean(name, names));
      return nullptr;
    }
    if (!field->stored() || field->input_only || field->password || !field->sortable() ||
        field->role == Role::kEtag || field->type == Type::kBytes) {
      Say("computes of " + Label(*field) + ", which is no stored single value that sorts");
      return nullptr;
    }
    return field;
  }

  // The row's field of that name, checked for what goes into it.
  const Field* Into(const std::string& name, const std::function<Wanted(const Field&)>& want) {
    const Field* field = aggregate_->row.entity.Find(name);
    if (field == nullptr) {
      Say("has into " + Quoted(name) + ", but " + aggregate_->row.entity.name +
          " has no such field");
      return nullptr;
    }
    if (!filled_.insert(field).second) Say("fills " + Label(*field) + " twice");
    const Wanted wanted = want(*field);
    if (!wanted.fits || field->presence == Presence::kRepeated || field->presence == Presence::kMap) {
      Say("fills " + Label(*field) + ", which must be " + wanted.text);
    }
    return field;
  }

  static Wanted SameAs(const Field& source, const Field& into) {
    return {"of the type of " + Label(source),
            into.type == source.type && into.enum_type == source.enum_type};
  }

  void ReadGroup(const v1::GroupBy& options) {
    GroupBy group;
    std::string name;
    switch (options.by_case()) {
      case v1::GroupBy::kField: name = options.field(); break;
      case v1::GroupBy::kYear: group.unit = GroupBy::Unit::kYear; name = options.year(); break;
      case v1::GroupBy::kMonth: group.unit = GroupBy::Unit::kMonth; name = options.month(); break;
      case v1::GroupBy::kDay: group.unit = GroupBy::Unit::kDay; name = options.day(); break;
      case v1::GroupBy::kHour: group.unit = GroupBy::Unit::kHour; name = options.hour(); break;
      case v1::GroupBy::BY_NOT_SET:
        return Say("has a group_by that names no field; write `field`, `year`, `month`, `day` or "
                   "`hour`");
    }
    group.field = Source(name);
    if (group.field == nullptr) return;
    const bool part = group.unit != GroupBy::Unit::kValue;
    if (part && group.field->type != Type::kTimestamp) {
      Say("groups by a part of " + Label(*group.field) + ", which is no Timestamp");
    }
    ReadTimeZone(options.time_zone(), part, &group);
    group.into = Into(options.into().empty() ? name : options.into(), [&](const Field& into) {
      return part ? Wanted{"a string", into.type == Type::kString} : SameAs(*group.field, into);
    });
    if (group.into != nullptr) aggregate_->groups.push_back(std::move(group));
  }

  void ReadTimeZone(const std::string& text, bool part, GroupBy* group) {
    if (text.empty()) return;
    if (!part) return Say("has a time_zone for a group that is no part of a time");
    if (text[0] != '$') {
      group->time_zone = text;
      if (!IsTimeZone(text)) {
        Say("has time_zone " + Quoted(text) + ", which is no name of the IANA database, as "
            "\"Europe/Berlin\" is");
      }
      return;
    }
    group->time_zone_field = method_.descriptor->input_type()->FindFieldByName(text.substr(1));
    const auto* field = group->time_zone_field;
    if (field == nullptr || field->is_repeated() ||
        field->type() != google::protobuf::FieldDescriptor::TYPE_STRING) {
      Say("has time_zone " + Quoted(text) + ", but " + method_.descriptor->input_type()->name() +
          " has no string of that name");
    }
  }

  void ReadCompute(const v1::Compute& options) {
    Compute compute;
    std::string name;
    switch (options.of_case()) {
      case v1::Compute::kCount: break;
      case v1::Compute::kSum: compute.function = Compute::Function::kSum; name = options.sum(); break;
      case v1::Compute::kAvg:
        compute.function = Compute::Function::kAverage;
        name = options.avg();
        break;
      case v1::Compute::kMin:
        compute.function = Compute::Function::kMinimum;
        name = options.min();
        break;
      case v1::Compute::kMax:
        compute.function = Compute::Function::kMaximum;
        name = options.max();
        break;
      case v1::Compute::kDistinct:
        compute.function = Compute::Function::kDistinct;
        name = options.distinct();
        break;
      case v1::Compute::OF_NOT_SET:
        return Say("has a compute that says nothing; write `count: true`, or `sum`, `avg`, `min`, "
                   "`max` or `distinct` with a field");
    }
    if (options.of_case() == v1::Compute::kCount) {
      if (!options.count()) return Say("has count: false; write true, or remove it");
    } else {
      compute.field = Source(name);
      if (compute.field == nullptr) return;
    }
    if (options.into().empty()) {
      return Say("has a compute without `into`; name the field of " +
                 aggregate_->row.entity.name + " that it goes into");
    }
    compute.into =
        Into(options.into(), [&](const Field& into) { return WantedOf(compute, into); });
    if (compute.into != nullptr) aggregate_->computes.push_back(compute);
  }

  Wanted WantedOf(const Compute& compute, const Field& into) {
    using Function = Compute::Function;
    switch (compute.function) {
      case Function::kCount:
      case Function::kDistinct:
        return {"int32 or int64", into.type == Type::kInt32 || into.type == Type::kInt64};
      case Function::kMinimum:
      case Function::kMaximum: return SameAs(*compute.field, into);
      case Function::kSum:
      case Function::kAverage: break;
    }
    const Type type = compute.field->type;
    const bool sum = compute.function == Function::kSum;
    if (!IsInteger(type) && !IsReal(type) && !(sum && type == Type::kDuration)) {
      Say("adds up " + Label(*compute.field) + ", which is no number");
    }
    if (!sum || IsReal(type)) return {"double", into.type == Type::kDouble};
    if (type == Type::kDuration) return SameAs(*compute.field, into);
    return {"int64", into.type == Type::kInt64};
  }

  const Method& method_;
  const Entity& entity_;
  Aggregate* aggregate_;
  Report report_;
  std::set<const Field*> filled_;
  bool wrong_ = false;
};

// Whether `$name` is in the text.
bool Mentions(const std::string& text, const std::string& name) {
  const std::string dollar = "$" + name;
  for (size_t at = text.find(dollar); at != std::string::npos; at = text.find(dollar, at + 1)) {
    const size_t end = at + dollar.size();
    const auto word = [](char c) { return c == '_' || isalnum(static_cast<unsigned char>(c)) != 0; };
    if (end == text.size() || !word(text[end])) return true;
  }
  return false;
}

}  // namespace

void Builder::ReadAggregate(Method* method) {
  const v1::AggregateOptions& options =
      method->descriptor->options().GetExtension(v1::aggregate);
  const Location at = LocationOfOption(method->descriptor, {v1::kAggregateFieldNumber});
  RefuseUnknown(options, at);
  method->location = at;
  auto aggregate = std::make_shared<Aggregate>();
  if (ReadRow(method, &aggregate->row)) {
    AggregateReader(*method, aggregate.get(), [&](std::string message) {
      Error(at, std::move(message));
    }).Read(options);
  }
  const Descriptor* request = method->descriptor->input_type();
  for (int i = 0; i < request->field_count(); ++i) {
    const FieldDescriptor* field = request->field(i);
    const bool zone = std::ranges::any_of(aggregate->groups, [field](const GroupBy& group) {
      return group.time_zone_field == field;
    });
    if (zone || Mentions(options.filter(), field->name())) continue;
    Error(LocationOf(field), request->name() + "." + field->name() + " has no meaning in " +
                                 method->name + "; name it in the aggregate's filter, as in "
                                 "\"create_time >= $" + field->name() + "\", or remove it");
  }
  method->aggregate = std::move(aggregate);
}

}  // namespace storegate::schema

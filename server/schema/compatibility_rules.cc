// What changes of options mean for callers: values that were taken before and no longer are,
// predicates that select other records.
#include <algorithm>
#include <limits>
#include <map>
#include <sstream>

#include "server/base/text.h"
#include "server/schema/compatibility_parts.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kTightened = "RULE_TIGHTENED";

std::string Number(double number) {
  std::ostringstream text;
  text.precision(17);
  text << number;
  return text.str();
}

// "gte: 3", "gt: 3", "none".
std::string LowerText(const Shape& shape) {
  if (shape.gte) return "gte: " + Number(*shape.gte);
  return shape.gt ? "gt: " + Number(*shape.gt) : "none";
}
std::string UpperText(const Shape& shape) {
  if (shape.lte) return "lte: " + Number(*shape.lte);
  return shape.lt ? "lt: " + Number(*shape.lt) : "none";
}

// A bound and whether it is excluded, so that of two lower ones the greater is the tighter.
std::pair<double, bool> Lower(const Shape& shape) {
  std::pair<double, bool> bound{-std::numeric_limits<double>::infinity(), false};
  if (shape.gte) bound = std::max(bound, {*shape.gte, false});
  if (shape.gt) bound = std::max(bound, {*shape.gt, true});
  return bound;
}
std::pair<double, bool> NegatedUpper(const Shape& shape) {
  std::pair<double, bool> bound{-std::numeric_limits<double>::infinity(), false};
  if (shape.lte) bound = std::max(bound, {-*shape.lte, false});
  if (shape.lt) bound = std::max(bound, {-*shape.lt, true});
  return bound;
}

std::string_view FormatName(Format format) {
  switch (format) {
    case Format::kNone: return "none";
    case Format::kUuid: return "UUID";
    case Format::kEmail: return "EMAIL";
    case Format::kUri: return "URI";
    case Format::kObjectId: return "OBJECT_ID";
  }
  return "";
}

class RuleComparison {
 public:
  RuleComparison(const SchemaPair& pair, std::vector<Incompatibility>* out)
      : pair_(pair), out_(out) {}

  void Run() {
    for (const Entity& was : pair_.before().entities) {
      const Entity* now = pair_.after().FindEntity(pair_.NewName(was.descriptor));
      if (now != nullptr) CompareEntity(was, *now);
    }
    std::map<const pb::Descriptor*, const MessageType*> messages;
    for (const MessageType& now : pair_.after().messages) messages[now.descriptor] = &now;
    for (const MessageType& was : pair_.before().messages) {
      auto found = messages.find(pair_.Find(was.descriptor));
      if (found != messages.end()) CompareMessage(was, *found->second);
    }
    for (const Store& store : pair_.before().stores) {
      for (const Method& method : store.methods) CompareMethod(method);
    }
  }

 private:
  void Report(std::string_view rule, const Location& where, const std::string& element,
              std::string message) {
    Incompatibility found;
    found.rule = rule;
    found.element = element;
    found.message = std::move(message);
    found.location = where;
    out_->push_back(std::move(found));
  }
  void Tightened(const Shape& now, std::string message) {
    Report(kTightened, now.location, now.descriptor->full_name(), std::move(message));
  }

  // Fields of before by what they are now.
  template <typename T, typename List>
  std::map<const pb::FieldDescriptor*, const T*> ByNewDescriptor(const List& fields) const {
    std::map<const pb::FieldDescriptor*, const T*> map;
    for (const T& field : fields) {
      const pb::FieldDescriptor* now = pair_.Find(field.descriptor);
      if (now != nullptr) map[now] = &field;
    }
    return map;
  }

  void CompareEntity(const Entity& was, const Entity& now) {
    const auto before = ByNewDescriptor<Field>(was.fields);
    for (const Field& field : now.fields) {
      auto found = before.find(field.descriptor);
      if (found == before.end()) {
        NewField(field);
        continue;
      }
      CompareShape(*found->second, field);
      CompareField(*found->second, field);
    }
    for (const Index& index : now.indexes) {
      if (index.unique != Unique::kNo) CompareUnique(was, now, index, before);
    }
  }

  void CompareMessage(const MessageType& was, const MessageType& now) {
    const auto before = ByNewDescriptor<Shape>(was.fields);
    for (const Shape& shape : now.fields) {
      auto found = before.find(shape.descriptor);
      if (found != before.end()) {
        CompareShape(*found->second, shape);
      } else {
        NewField(shape);
      }
    }
  }

  void NewField(const Shape& shape) {
    if (!shape.required) return;
    Tightened(shape, "the field is new and required, and callers of before do not give it; make "
                     "it required when all do");
  }

  void CompareShape(const Shape& was, const Shape& now) {
    if (now.required && !was.required) {
      Tightened(now, "the field is required, and was not; make it required when all callers "
                     "give it");
    }
    auto least = [&](std::string_view rule, int before, int after) {
      if (after <= before) return;
      Tightened(now, std::string(rule) + " was " + std::to_string(before) + " and is " +
                         std::to_string(after) + "; keep it, or let less be refused");
    };
    auto most = [&](std::string_view rule, int before, int after) {
      if (after == 0 || (before != 0 && after >= before)) return;
      Tightened(now, std::string(rule) + " was " +
                         (before == 0 ? std::string("not set") : std::to_string(before)) +
                         " and is " + std::to_string(after) + "; keep it, or let more be refused");
    };
    least("min_len", was.min_len, now.min_len);
    most("max_len", was.max_len, now.max_len);
    least("min_items", was.min_items, now.min_items);
    most("max_items", was.max_items, now.max_items);
    if (Lower(now) > Lower(was)) {
      Tightened(now, "the least value was " + LowerText(was) + " and is " + LowerText(now));
    }
    if (NegatedUpper(now) > NegatedUpper(was)) {
      Tightened(now, "the greatest value was " + UpperText(was) + " and is " + UpperText(now));
    }
    if (!now.pattern_text.empty() && now.pattern_text != was.pattern_text) {
      Tightened(now, "pattern was " +
                         (was.pattern_text.empty() ? "not set" : Quoted(was.pattern_text)) +
                         " and is " + Quoted(now.pattern_text));
    }
    if (now.format != Format::kNone && now.format != was.format) {
      Tightened(now, "format was " + std::string(FormatName(was.format)) + " and is " +
                         std::string(FormatName(now.format)));
    }
  }

  void CompareField(const Field& was, const Field& now) {
    if (was.stored() != now.stored()) {
      Report("OPERATION_CHANGED", now.location, now.descriptor->full_name(),
             was.stored() ? "the field was written by callers and is computed now; add another "
                            "field instead"
                          : "the field was computed and is written by callers now; add another "
                            "field instead");
      return;
    }
    auto set = [&](bool before, bool after, std::string_view option, std::string_view meaning) {
      if (!after || before) return;
      Tightened(now, "the field is " + std::string(option) + ", and was not: " +
                         std::string(meaning));
    };
    set(was.immutable, now.immutable, "immutable", "updates of it are refused");
    set(was.output_only, now.output_only, "output_only", "what callers write is refused");
    if (now.input_only && !was.input_only) {
      Report("READING_CHANGED", now.location, now.descriptor->full_name(),
             "the field is input_only, and was not: callers no longer get it");
    }
    if (!now.references) return;
    const std::string target = now.references->field->descriptor->full_name();
    if (was.references && pair_.NewName(was.references->field->descriptor) == target) return;
    Tightened(now, "the field refers to " + target + ", and " +
                       (was.references
                            ? "referred to " + was.references->field->descriptor->full_name()
                            : std::string("to nothing before")) +
                       ": values that name no record are refused");
  }

  // Whether two records that differ in no field of `index` were refused before.
  bool WasUnique(const Entity& was, const Index& index) const {
    for (const Index& before : was.indexes) {
      if (before.unique == Unique::kNo) continue;
      if (before.unique == Unique::kLive && index.unique == Unique::kAll) continue;
      if (!before.where.empty() && before.where != index.where) continue;
      const bool within = std::all_of(
          before.fields.begin(), before.fields.end(), [&](const IndexField& each) {
            return std::any_of(index.fields.begin(), index.fields.end(), [&](const auto& other) {
              return pair_.Find(each.field->descriptor) == other.field->descriptor;
            });
          });
      if (within) return true;
    }
    return false;
  }

  void CompareUnique(const Entity& was, const Entity& now, const Index& index,
                     const std::map<const pb::FieldDescriptor*, const Field*>& before) {
    // Unset values of new optional fields do not meet; zeros of new plain ones do.
    const bool all_new =
        std::all_of(index.fields.begin(), index.fields.end(), [&](const IndexField& each) {
          return each.field->nullable() && before.count(each.field->descriptor) == 0;
        });
    if (all_new || WasUnique(was, index)) return;
    std::vector<std::string> names;
    for (const IndexField& each : index.fields) names.push_back(each.field->name);
    Report(kTightened, index.location, now.full_name,
           Listed(names) + (names.size() == 1 ? " is" : " are") + " unique" +
               (index.unique == Unique::kLive ? " among living records" : "") +
               ", and was not: records that have what another has are refused, and rows that do "
               "already keep the index from being made");
  }

  void CompareMethod(const Method& was) {
    const std::string service = pair_.NewName(was.descriptor->service());
    const Method* now = pair_.after().FindMethod("/" + service + "/" + was.name);
    if (now == nullptr) return;  // said by the descriptors
    if (now->operation != was.operation ||
        (now->entity != nullptr && was.entity != nullptr &&
         pair_.NewName(was.entity->descriptor) != now->entity->full_name)) {
      Report("OPERATION_CHANGED", now->location, now->full_name,
             "the method does something else than before, or with another entity; add another "
             "method instead");
    }
    if (was.when != now->when) {
      Report("PREDICATE_CHANGED", now->location, now->full_name,
             "`when` was " + Quoted(was.when) + " and is " + Quoted(now->when));
    }
    for (const RequestPredicate& predicate : was.predicates) {
      const pb::FieldDescriptor* field = pair_.Find(predicate.field);
      if (field == nullptr) continue;
      const RequestPredicate* found = nullptr;
      for (const RequestPredicate& each : now->predicates) {
        if (each.field == field) found = &each;
      }
      if (found != nullptr && found->where == predicate.where) continue;
      Report("PREDICATE_CHANGED", found == nullptr ? now->location : found->location,
             field->full_name(),
             "the field selected " + Quoted(predicate.where) + " and " +
                 (found == nullptr ? "selects nothing" : "selects " + Quoted(found->where)) +
                 " now; add another field instead");
    }
  }

  const SchemaPair& pair_;
  std::vector<Incompatibility>* out_;
};

}  // namespace

void CompareRules(const SchemaPair& pair, std::vector<Incompatibility>* out) {
  RuleComparison(pair, out).Run();
}

}  // namespace storegate::schema

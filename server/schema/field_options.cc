// What a field means and what callers may do with it: the options that say more
// than what a value must be (rules.cc).
#include <set>

#include "server/base/text.h"
#include "server/schema/builder.h"
#include "server/schema/literal.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

constexpr int kMaxEmbedLimit = 1000;

std::string Label(const Shape& shape) {
  return shape.descriptor->containing_type()->name() + "." + shape.name;
}

// Names of the options that are set and not among `allowed`.
std::vector<std::string> Others(const v1::FieldOptions& options,
                                const std::set<std::string>& allowed) {
  std::vector<const pb::FieldDescriptor*> set;
  options.GetReflection()->ListFields(options, &set);
  std::vector<std::string> others;
  for (const pb::FieldDescriptor* field : set) {
    if (allowed.count(field->name()) == 0) others.push_back(field->name());
  }
  return others;
}

const std::set<std::string>& RuleNames() {
  static const std::set<std::string> names = {"required", "min_len", "max_len", "min_items",
                                              "max_items", "pattern", "format", "gte",
                                              "lte", "gt", "lt"};
  return names;
}

std::set<std::string> With(std::set<std::string> names, std::initializer_list<std::string> more) {
  names.insert(more);
  return names;
}

}  // namespace

void Builder::ApplyNestedOptions(const v1::FieldOptions& options, Shape* shape) {
  std::vector<std::string> others = Others(options, RuleNames());
  if (!others.empty()) {
    Error(shape->location, Label(*shape) + " is a field within a stored message, where " +
                               Listed(others) + " cannot be; only rules on its value can");
  }
  ApplyRules(options, shape);
}

void Builder::ApplyFieldOptions(const v1::FieldOptions& options, Field* field) {
  auto allow = [&](const std::set<std::string>& allowed, const std::string& why) {
    std::vector<std::string> others = Others(options, allowed);
    if (!others.empty()) {
      Error(field->location, Label(*field) + " " + why + " and cannot have " + Listed(others));
    }
    return others.empty();
  };
  field->output_only = options.output_only();
  switch (field->role) {
    case Role::kEmbed:
      field->embed_order_by = options.embed_order_by();
      field->embed_limit = options.embed_limit();
      allow({"embed", "via", "embed_order_by", "embed_limit", "output_only"},
            "is not stored but embedded");
      if (field->embed_limit < 0 || field->embed_limit > kMaxEmbedLimit) {
        Error(field->location, Label(*field) + " has embed_limit " +
                                   std::to_string(field->embed_limit) + "; it must be from 1 to " +
                                   std::to_string(kMaxEmbedLimit));
      }
      return;
    case Role::kCount:
      allow({"count", "output_only"}, "is not stored but counted");
      return;
    case Role::kEtag:
      allow({"output_only"}, "is the record's etag");
      return;
    case Role::kCreateTime:
    case Role::kUpdateTime:
    case Role::kDeleteTime:
      allow({"output_only", "column"}, "is set by the gateway");
      return;
    case Role::kId:
      allow({"min_len", "max_len", "pattern", "format", "gte", "lte", "gt", "lt", "column",
             "immutable", "searchable"},
            "is the record's id");
      break;
    case Role::kData:
      if (!allow(With(RuleNames(), {"immutable", "input_only", "output_only", "default",
                                    "lower_case", "unique", "references", "searchable", "password",
                                    "column"}),
                 "is not embedded")) {
        return;
      }
  }
  ApplyRules(options, field);
  field->immutable = options.immutable();
  field->input_only = options.input_only() || options.password();
  field->lower_case = options.lower_case();
  field->searchable = options.searchable();
  field->password = options.password();
  if (options.has_default_()) field->default_text = options.default_();
  switch (options.unique()) {
    case v1::UNIQUE_UNSPECIFIED: break;
    case v1::ALL: field->unique = Unique::kAll; break;
    case v1::LIVE: field->unique = Unique::kLive; break;
    default:
      Error(field->location, Label(*field) + " has unique " + std::to_string(options.unique()) +
                                 ", which this version of storegate does not know");
  }
  CheckMeaning(*field);
  CheckDefault(*field);
}

void Builder::CheckMeaning(const Field& field) {
  const std::string label = Label(field);
  bool singular = field.presence == Presence::kPlain || field.presence == Presence::kOptional;
  bool one_string = singular && field.type == Type::kString;
  auto only_strings = [&](bool set, const std::string& option) {
    if (set && !one_string) {
      Error(field.location, label + " has " + option + ", which is for single strings");
    }
  };
  only_strings(field.lower_case, "lower_case");
  only_strings(field.searchable, "searchable");
  only_strings(field.password, "password");
  if (field.unique != Unique::kNo && field.nested()) {
    Error(field.location, label + " has unique, which is for single values, not for lists, maps "
                                  "and messages");
  }
  if (field.input_only) {
    const std::string kind = field.password ? "a password" : "input_only";
    std::vector<std::string> wrong;
    if (field.output_only) wrong.push_back("output_only");
    if (field.searchable) wrong.push_back("searchable");
    if (field.unique != Unique::kNo) wrong.push_back("unique");
    if (!wrong.empty()) {
      Error(field.location, label + " is " + kind + " and cannot be " + Listed(wrong) +
                                ": that would tell callers what it is");
    }
  }
  if (field.required && field.output_only) {
    Error(field.location, label + " is required and output_only; callers cannot set it");
  }
  if (field.password) {
    for (const Field& other : field.entity->fields) {
      if (other.password && &other != &field) {
        Error(field.location, label + " is a second password beside " + Label(other) +
                                  "; an entity has one");
      }
    }
    if (field.lower_case || field.format != Format::kNone || field.default_text) {
      Error(field.location, label + " is a password, which cannot have lower_case, format or "
                                    "default");
    }
  }
}

void Builder::CheckDefault(const Field& field) {
  if (!field.default_text) return;
  const std::string label = Label(field);
  if (field.presence != Presence::kOptional || !field.oneof.empty() ||
      !field.descriptor->has_optional_keyword()) {
    Error(field.location, label + " has a default but is not optional: nothing tells its zero from "
                                  "unset; write `optional` before its type");
    return;
  }
  if (field.required) {
    Error(field.location, label + " is required and has a default that could never be used");
    return;
  }
  std::string why = WhyBadLiteral(*field.default_text, field);
  if (why.empty() && field.lower_case && LowerCase(*field.default_text) != *field.default_text) {
    why = "is not in lower case";
  }
  if (!why.empty()) {
    Error(field.location, label + " has the default " + Quoted(*field.default_text) + ", which " +
                              why);
  }
}

}  // namespace storegate::schema

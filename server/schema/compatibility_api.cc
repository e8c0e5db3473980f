// What changes of the descriptors mean for callers.
#include <map>
#include <type_traits>

#include "server/base/text.h"
#include "server/schema/compatibility_parts.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

// Of a oneof that was written, not of `optional`.
std::string OneofOf(const pb::FieldDescriptor* field) {
  const pb::OneofDescriptor* oneof = field->real_containing_oneof();
  return oneof == nullptr ? "" : oneof->name();
}

enum class Cardinality { kPlain, kOptional, kRepeated, kMap };

Cardinality CardinalityOf(const pb::FieldDescriptor* field) {
  if (field->is_map()) return Cardinality::kMap;
  if (field->is_repeated()) return Cardinality::kRepeated;
  // Oneofs are compared by themselves, and a message is optional however it is written.
  return field->has_optional_keyword() && field->message_type() == nullptr
             ? Cardinality::kOptional
             : Cardinality::kPlain;
}

class ApiComparison {
 public:
  ApiComparison(const SchemaPair& pair, std::vector<Incompatibility>* out)
      : pair_(pair), out_(out) {}

  void Run() {
    for (const auto& [was, now] : pair_.packages_changed()) Package(was, now);
    for (const pb::FileDescriptor* file : pair_.files_before()) {
      for (int i = 0; i < file->message_type_count(); ++i) Message(file->message_type(i));
      for (int i = 0; i < file->enum_type_count(); ++i) Enum(file->enum_type(i));
      for (int i = 0; i < file->service_count(); ++i) Service(file->service(i));
    }
  }

 private:
  void Report(std::string_view rule, Location location, const std::string& element,
              std::string message) {
    Incompatibility found;
    found.rule = rule;
    found.element = element;
    found.message = std::move(message);
    found.location = std::move(location);
    out_->push_back(std::move(found));
  }

  void Package(const pb::FileDescriptor* was, const pb::FileDescriptor* now) {
    Location location{now->name(), 0, 0};
    pb::SourceLocation source;
    if (now->GetSourceLocation({pb::FileDescriptorProto::kPackageFieldNumber}, &source)) {
      location.line = source.start_line + 1;
      location.column = source.start_column + 1;
    }
    Report("PACKAGE_CHANGED", location, now->package(),
           "the package was " + Quoted(was->package()) + " and is " + Quoted(now->package()) +
               ": every method has another path now; keep the old package, or serve both until "
               "no caller is left");
  }

  // " and is library.v1.Shelf.Book now" where one of that simple name is new; else "".
  template <typename T>
  std::string MovedTo(const T* element,
                      const T* (pb::DescriptorPool::*find)(const std::string&) const) {
    if (new_names_.empty()) {
      for (const pb::FileDescriptor* file : pair_.after().files) {
        for (int i = 0; i < file->message_type_count(); ++i) Collect(file->message_type(i));
        for (int i = 0; i < file->enum_type_count(); ++i) Collect(file->enum_type(i));
      }
    }
    auto [begin, end] = new_names_.equal_range(element->name());
    for (auto each = begin; each != end; ++each) {
      const std::string& name = each->second;
      const bool is_new = (pair_.before().pool->*find)(name) == nullptr;
      if (is_new && (pair_.after().pool->*find)(name) != nullptr) return " and is " + name + " now";
    }
    return "";
  }
  template <typename T>
  void Collect(const T* element) {
    new_names_.emplace(element->name(), element->full_name());
    if constexpr (std::is_same_v<T, pb::Descriptor>) {
      for (int i = 0; i < element->enum_type_count(); ++i) Collect(element->enum_type(i));
      for (int i = 0; i < element->nested_type_count(); ++i) Collect(element->nested_type(i));
    }
  }

  void Message(const pb::Descriptor* was) {
    if (was->options().map_entry()) return;
    const pb::Descriptor* now = pair_.Find(was);
    if (now == nullptr) {
      std::string moved = MovedTo(was, &pb::DescriptorPool::FindMessageTypeByName);
      Report("MESSAGE_REMOVED", LocationIn(was->file(), was), was->full_name(),
             "the message was " + (moved.empty() ? "removed" : "moved" + moved) +
                 "; keep it where it was");
      return;
    }
    for (int i = 0; i < was->field_count(); ++i) Field(was->field(i), now);
    for (int i = 0; i < was->nested_type_count(); ++i) Message(was->nested_type(i));
    for (int i = 0; i < was->enum_type_count(); ++i) Enum(was->enum_type(i));
  }

  void Field(const pb::FieldDescriptor* was, const pb::Descriptor* message) {
    const std::string number = std::to_string(was->number());
    const pb::FieldDescriptor* now = message->FindFieldByNumber(was->number());
    const pb::FieldDescriptor* named = message->FindFieldByName(was->name());
    if (named != nullptr && named != now) {
      Report("FIELD_RENUMBERED", LocationIn(named->file(), named), named->full_name(),
             "the number was " + number + " and is " + std::to_string(named->number()) +
                 "; give it back its number");
      return;
    }
    if (now == nullptr) {
      if (message->IsReservedNumber(was->number()) && message->IsReservedName(was->name())) return;
      Report("FIELD_REMOVED", LocationIn(message->file(), message), was->full_name(),
             "the field was removed; keep it, marked `deprecated = true`, or say that neither its "
             "number nor its name is used again: `reserved " + number + "; reserved \"" +
                 was->name() + "\";`");
      return;
    }
    const Location where = LocationIn(now->file(), now);
    if (now != named) {
      if (pair_.Find(was) == nullptr) {
        Report("NUMBER_REUSED", where, now->full_name(),
               "number " + number + " was that of " + was->name() + " (" + TypeText(was) +
                   ") and is that of another field (" + TypeText(now) + "); take a number that " +
                   "was never used, and say `reserved " + number + "; reserved \"" + was->name() +
                   "\";`");
        return;
      }
      Report("FIELD_RENAMED", where, now->full_name(),
             "the name was " + was->name() + " and is " + now->name() +
                 ": the same on the wire, but not in JSON, update masks and generated code; keep "
                 "the name");
    }
    Type(was, now, where);
    if (OneofOf(was) != OneofOf(now)) {
      auto said = [](const std::string& oneof) {
        return oneof.empty() ? std::string("in no oneof") : "in oneof " + oneof;
      };
      Report("ONEOF_CHANGED", where, now->full_name(),
             "the field was " + said(OneofOf(was)) + " and is " + said(OneofOf(now)) +
                 "; add another field instead");
    }
  }

  void Type(const pb::FieldDescriptor* was, const pb::FieldDescriptor* now,
            const Location& where) {
    const Cardinality before = CardinalityOf(was), after = CardinalityOf(now);
    const std::string change = "was " + TypeText(was) + " and is " + TypeText(now);
    if (before != after) {
      std::string why = "; add another field instead";
      // Members of a oneof have presence; what changes for them is the oneof.
      if (OneofOf(was) != OneofOf(now) && before != Cardinality::kRepeated &&
          after != Cardinality::kRepeated) {
        return;
      }
      if (before == Cardinality::kPlain && after == Cardinality::kOptional) {
        why = ": zero and unset are two values now, and callers that know of one say unset; "
              "add another field instead, or let it pass where unset means what zero meant";
      } else if (before == Cardinality::kOptional && after == Cardinality::kPlain) {
        why = ": callers can no longer tell unset from zero; keep `optional`";
      }
      Report("CARDINALITY_CHANGED", where, now->full_name(), "the field " + change + why);
      return;
    }
    if (!pair_.SameOnWire(was, now)) {
      Report("TYPE_CHANGED", where, now->full_name(),
             "the type " + change +
                 ", which does not read all that the old one wrote; add another field instead");
    }
  }

  void Enum(const pb::EnumDescriptor* was) {
    const pb::EnumDescriptor* now = pair_.Find(was);
    if (now == nullptr) {
      std::string moved = MovedTo(was, &pb::DescriptorPool::FindEnumTypeByName);
      Report("ENUM_REMOVED", LocationIn(was->file(), was), was->full_name(),
             "the enum was " + (moved.empty() ? "removed" : "moved" + moved) +
                 "; keep it where it was");
      return;
    }
    for (int i = 0; i < was->value_count(); ++i) EnumValue(was->value(i), now);
  }

  void EnumValue(const pb::EnumValueDescriptor* was, const pb::EnumDescriptor* type) {
    const std::string number = std::to_string(was->number());
    // A value's own full name is beside its enum's.
    const std::string element = type->full_name() + "." + was->name();
    const pb::EnumValueDescriptor* named = type->FindValueByName(was->name());
    const pb::EnumValueDescriptor* now = type->FindValueByNumber(was->number());
    if (named != nullptr) {
      if (named->number() == was->number()) return;
      Report("ENUM_VALUE_RENUMBERED", LocationIn(type->file(), named), element,
             "the number was " + number + " and is " + std::to_string(named->number()) +
                 "; give it back its number");
    } else if (now != nullptr) {
      Report("ENUM_VALUE_RENAMED", LocationIn(type->file(), now), element,
             "the name of " + number + " was " + was->name() + " and is " + now->name() +
                 "; keep the old name as an alias (`option allow_alias = true;`)");
    } else {
      Report("ENUM_VALUE_REMOVED", LocationIn(type->file(), type), element,
             "the value was removed, and callers that give it are refused; keep it, marked "
             "`deprecated = true`");
    }
  }

  void Service(const pb::ServiceDescriptor* was) {
    const pb::ServiceDescriptor* now =
        pair_.after().pool->FindServiceByName(pair_.NewName(was));
    if (now == nullptr) {
      Report("SERVICE_REMOVED", LocationIn(was->file(), was), was->full_name(),
             "the service was removed or renamed; keep it until no caller is left");
      return;
    }
    for (int i = 0; i < was->method_count(); ++i) Method(was->method(i), now);
  }

  void Method(const pb::MethodDescriptor* was, const pb::ServiceDescriptor* service) {
    const pb::MethodDescriptor* now = service->FindMethodByName(was->name());
    if (now == nullptr) {
      Report("METHOD_REMOVED", LocationIn(service->file(), service), was->full_name(),
             "the method was removed or renamed; keep it until no caller is left");
      return;
    }
    const Location where = LocationIn(service->file(), now);
    auto type = [&](std::string_view rule, std::string_view what, const pb::Descriptor* before,
                    const pb::Descriptor* after) {
      if (pair_.NewName(before) == after->full_name()) return;
      Report(rule, where, now->full_name(),
             "the " + std::string(what) + " was " + before->full_name() + " and is " +
                 after->full_name() + "; add another method instead");
    };
    type("REQUEST_CHANGED", "request", was->input_type(), now->input_type());
    type("RESPONSE_CHANGED", "response", was->output_type(), now->output_type());
    auto streams = [](const pb::MethodDescriptor* method) {
      return std::string(method->client_streaming() ? "a stream" : "one message") + " to " +
             (method->server_streaming() ? "a stream" : "one message");
    };
    if (streams(was) != streams(now)) {
      Report("STREAMING_CHANGED", where, now->full_name(),
             "the method went from " + streams(was) + " and goes from " + streams(now) +
                 "; add another method instead");
    }
  }

  const SchemaPair& pair_;
  std::vector<Incompatibility>* out_;
  // Simple name → full name of all messages and enums of after; filled when needed.
  std::multimap<std::string, std::string> new_names_;
};

}  // namespace

void CompareApi(const SchemaPair& pair, std::vector<Incompatibility>* out) {
  ApiComparison(pair, out).Run();
}

}  // namespace storegate::schema

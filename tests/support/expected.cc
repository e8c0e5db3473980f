#include "tests/support/expected.h"

#include <cstdlib>

#include <google/protobuf/util/message_differencer.h>

#include "server/base/text.h"

namespace storegate::test {
namespace {

using google::protobuf::Reflection;
using schema::Field;

// -0.0 and fractions of what is kept, everywhere below `message`.
void Normalize(Message* message) {
  const google::protobuf::Descriptor* type = message->GetDescriptor();
  const Reflection* reflection = message->GetReflection();
  if (type->full_name() == "google.protobuf.Timestamp" ||
      type->full_name() == "google.protobuf.Duration") {
    const FieldDescriptor* field = type->FindFieldByNumber(2);
    const int32_t nanos = reflection->GetInt32(*message, field);
    const int32_t unit = type->full_name() == "google.protobuf.Timestamp" ? 1000000 : 1000;
    reflection->SetInt32(message, field, nanos - nanos % unit);
    return;
  }
  std::vector<const FieldDescriptor*> set;
  reflection->ListFields(*message, &set);
  for (const FieldDescriptor* field : set) {
    const int size = field->is_repeated() ? reflection->FieldSize(*message, field) : 1;
    for (int i = 0; i < size; ++i) {
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          Normalize(field->is_repeated() ? reflection->MutableRepeatedMessage(message, field, i)
                                         : reflection->MutableMessage(message, field));
          break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
          if (field->is_repeated()) {
            if (reflection->GetRepeatedDouble(*message, field, i) == 0) {
              reflection->SetRepeatedDouble(message, field, i, 0.0);
            }
          } else if (reflection->GetDouble(*message, field) == 0) {
            reflection->SetDouble(message, field, 0.0);
          }
          break;
        case FieldDescriptor::CPPTYPE_FLOAT:
          if (field->is_repeated()) {
            if (reflection->GetRepeatedFloat(*message, field, i) == 0) {
              reflection->SetRepeatedFloat(message, field, i, 0.0f);
            }
          } else if (reflection->GetFloat(*message, field) == 0) {
            reflection->SetFloat(message, field, 0.0f);
          }
          break;
        default:
          break;
      }
    }
  }
}

Value DefaultOf(const Field& field) {
  const std::string& text = *field.default_text;
  switch (field.type) {
    case schema::Type::kBool:
      return text == "true";
    case schema::Type::kInt32:
    case schema::Type::kInt64:
    case schema::Type::kUint32:
      return static_cast<int64_t>(std::strtoll(text.c_str(), nullptr, 10));
    case schema::Type::kFloat:
    case schema::Type::kDouble:
      return std::strtod(text.c_str(), nullptr);
    default:
      return text;
  }
}

void LowerCaseText(Message* record, const Field& field) {
  const Reflection* reflection = record->GetReflection();
  const FieldDescriptor* descriptor = field.descriptor;
  if (field.presence == schema::Presence::kRepeated) {
    for (int i = 0; i < reflection->FieldSize(*record, descriptor); ++i) {
      const std::string text = reflection->GetRepeatedString(*record, descriptor, i);
      reflection->SetRepeatedString(record, descriptor, i, LowerCase(text));
    }
    return;
  }
  const Value value = GetValue(*record, descriptor);
  if (const std::string* text = std::get_if<std::string>(&value)) {
    SetValue(record, descriptor, LowerCase(*text));
  }
}

}  // namespace

MessagePtr Stored(const Message& sent, const schema::Entity& entity) {
  MessagePtr record = Clone(sent);
  const Reflection* reflection = record->GetReflection();
  for (const Field& field : entity.fields) {
    const bool set = field.descriptor->is_repeated()
                         ? reflection->FieldSize(*record, field.descriptor) > 0
                         : reflection->HasField(*record, field.descriptor);
    if (field.default_text && field.presence == schema::Presence::kOptional && !set) {
      SetValue(record.get(), field, DefaultOf(field));
    }
    if (field.lower_case && set && field.presence != schema::Presence::kMap) {
      LowerCaseText(record.get(), field);
    }
  }
  ClearGatewayFields(record.get(), entity);
  Normalize(record.get());
  return record;
}

void ClearGatewayFields(Message* record, const schema::Entity& entity, bool id) {
  for (const Field& field : entity.fields) {
    const bool data = field.role == schema::Role::kData || (field.role == schema::Role::kId && !id);
    if (!data || field.output_only || field.input_only) {
      record->GetReflection()->ClearField(record, field.descriptor);
    }
  }
}

testing::AssertionResult SameRecord(const Message& actual, const Message& expected) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  if (differencer.Compare(expected, actual)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "from expected to actual:\n" << difference;
}

testing::AssertionResult SameData(const Message& actual, const Message& expected,
                                  const schema::Entity& entity) {
  MessagePtr left = Clone(actual);
  MessagePtr right = Clone(expected);
  ClearGatewayFields(left.get(), entity);
  ClearGatewayFields(right.get(), entity);
  return SameRecord(*left, *right);
}

testing::AssertionResult HasStatus(const Status& status, Code code, std::string_view reason) {
  if (status.code() == code && (reason.empty() || status.reason() == reason)) {
    return testing::AssertionSuccess();
  }
  testing::AssertionResult failure = testing::AssertionFailure();
  failure << "expected " << CodeName(code) << " " << reason << ", is "
          << (status.ok() ? "OK" : status.ToString());
  for (const Violation& violation : status.violations()) {
    failure << "\n  " << violation.field << ": " << violation.description;
  }
  return failure;
}

testing::AssertionResult Violates(const Status& status, std::string_view path) {
  testing::AssertionResult right = HasStatus(status, Code::kInvalidArgument);
  if (!right) return right;
  std::string all;
  for (const Violation& violation : status.violations()) {
    const std::string_view field = violation.field;
    all += "\n  " + violation.field + ": " + violation.description;
    if (violation.description.empty()) {
      return testing::AssertionFailure() << violation.field << " is violated without a word";
    }
    if (field == path ||
        (field.substr(0, path.size()) == path && field.size() > path.size() &&
         (field[path.size()] == '.' || field[path.size()] == '['))) {
      return testing::AssertionSuccess();
    }
  }
  return testing::AssertionFailure() << "no violation at " << path << " but:" << all;
}

}  // namespace storegate::test

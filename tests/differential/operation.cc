#include "tests/differential/operation.h"

#include <google/protobuf/text_format.h>

namespace storegate::test {
namespace {

std::string Print(const Message& message, int64_t longest) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  if (longest > 0) printer.SetTruncateStringFieldLongerThan(longest);
  std::string text;
  printer.PrintToString(message, &text);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

std::string ToText(const Operation& operation) {
  return std::to_string(operation.label) + " " + operation.method->name + " {" +
         Print(*operation.request, 100) + "}" + (operation.to_the_end ? " to the end" : "");
}

std::string ToText(const Sequence& sequence, const std::string& indent) {
  std::string text;
  for (const Operation& operation : sequence) text += indent + ToText(operation) + "\n";
  return text;
}

std::string ToLine(const Message& message) { return Print(message, 0); }

}  // namespace storegate::test

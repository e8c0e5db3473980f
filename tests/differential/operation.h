// Operations as plain data: a sequence of them can be kept, made shorter, printed, and
// performed again on fresh databases.
#pragma once

#include <string>
#include <vector>

#include "server/schema/schema.h"
#include "tests/support/message_fields.h"

namespace storegate::test {

struct Operation {
  Operation(int label, const schema::Method* method, MessagePtr request, bool to_the_end = false)
      : label(label), method(method), request(std::move(request)), to_the_end(to_the_end) {}
  Operation(const Operation& other)
      : Operation(other.label, other.method, Clone(*other.request), other.to_the_end) {}
  Operation& operator=(const Operation& other) {
    Operation copy(other);
    return *this = std::move(copy);
  }
  Operation(Operation&&) = default;
  Operation& operator=(Operation&&) = default;

  int label;  // of this operation alone, also after others were taken away
  const schema::Method* method;
  MessagePtr request;  // what a gateway makes up is named by symbols.h
  bool to_the_end;     // a list: page after page
};

using Sequence = std::vector<Operation>;

// "12 CreateBook {book {id: "a"}}", one line. Texts over a hundred bytes are cut.
std::string ToText(const Operation& operation);
// One operation a line, each line behind `indent`.
std::string ToText(const Sequence& sequence, const std::string& indent);

// The message in protobuf's text format on one line: nothing cut.
std::string ToLine(const Message& message);

}  // namespace storegate::test

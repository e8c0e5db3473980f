// Which values a field takes and which it does not, by its rules.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/message_fields.h"
#include "tests/support/rules.h"

namespace storegate::test {

// Whether the rules allow this value of a singular scalar field. A plain field's
// zero is "not set" and allowed unless it is required.
bool Allowed(const FieldDescriptor* field, const Rules& rules, const Value& value);

// Whether a record without the field breaks a rule: it is required, or its zero is
// out of its bounds.
bool MustBeSet(const FieldDescriptor* field);

// Values at the edges of what the type of a scalar field holds: extremes, empty,
// hostile texts, infinities, negative zero. Those that the rules forbid are left out.
std::vector<Value> EdgeValues(const FieldDescriptor* field, const Rules& rules);

// Something that a record must not have.
struct WrongValue {
  std::string what;
  std::string path;  // of the violation, from the record
  std::function<void(Message* record)> apply;
};

// For every rule of the field and every rule of its type, a value that breaks it.
std::vector<WrongValue> WrongValues(const schema::Field& field);

}  // namespace storegate::test

// Values to put into records and requests: few and hostile, so that they meet (in
// unique indexes, sort keys, predicates) and hurt.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/message_fields.h"
#include "tests/support/random_text.h"
#include "tests/support/record_factory.h"

namespace storegate::test {

// Pools of values for one sequence. Used by one thread.
class Values {
 public:
  explicit Values(uint64_t seed);

  Random& random() { return random_; }

  // For a scalar field, an element of a list, a value of a map: mostly what its rules
  // allow. A reference has the values of what it refers to.
  Value For(const schema::Field& field);
  Value For(const FieldDescriptor* field, bool allowed_only = false);
  // What is found below a path: a text, a number, a bool; for requests.
  Value ForRequest(const FieldDescriptor* field);
  const std::string& Text() { return random_.Pick(texts_); }
  const std::string& Key() { return random_.Pick(keys_); }
  // An id that callers give.
  Value Id(const schema::Entity& entity);
  // Whether some records of this entity get no id from their callers. Numbers are either
  // all given or, but for negative ones, all counted: counted ones have gaps that differ,
  // and given ones would fall into them.
  bool MayLackId(const schema::Entity& entity);

  // Sets the field to something, whatever it is; nothing in it where that is the dice's
  // will.
  void Fill(Message* message, const FieldDescriptor* field, int depth);
  void FillMessage(Message* message, int depth);

 private:
  std::vector<Value>& Pool(const FieldDescriptor* field);
  std::vector<Value> OfType(const FieldDescriptor* field);
  void FillMap(Message* message, const FieldDescriptor* field, int depth);
  void FillStructValue(Message* value, int depth);
  void FillListValue(Message* list, int depth);

  Random random_;
  RecordFactory factory_;  // for what only its rules' own values satisfy
  std::vector<std::string> texts_;
  std::vector<std::string> keys_;
  std::vector<double> numbers_;
  std::map<const FieldDescriptor*, std::vector<Value>> pools_;
  std::map<const schema::Entity*, std::vector<Value>> ids_;
  std::map<const schema::Entity*, bool> counted_;
};

}  // namespace storegate::test

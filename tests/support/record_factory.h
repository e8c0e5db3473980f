// Valid records of any entity, made from what its schema says.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/random_text.h"
#include "tests/support/rules.h"
#include "tests/support/store_client.h"

namespace storegate::test {

struct MakeArgs {
  // Sets every field that a caller may set; else optional ones by chance.
  bool all_fields = false;
  // Sets only what a record must have: small ones, many alike.
  bool required_only = false;
  // The caller gives the id; else the gateway or the database does.
  bool with_id = true;
  // What references are picked from, where it has them; else records are made for
  // them.
  const std::map<const schema::Field*, std::vector<Value>>* parents = nullptr;
};

// Used by one thread at a time.
class RecordFactory {
 public:
  // `gateway` outlives the factory; records that others refer to are created in it,
  // and in `mirrors`, the same.
  RecordFactory(Gateway* gateway, uint64_t seed, std::vector<Gateway*> mirrors = {})
      : gateway_(gateway), mirrors_(std::move(mirrors)), random_(seed) {}

  // Not created yet. What it refers to is, newly made.
  MessagePtr Make(const schema::Entity& entity, const MakeArgs& args = {});
  // `count` of them, differing in every unique value; where they may, they refer
  // to the same records.
  std::vector<MessagePtr> MakeMany(const schema::Entity& entity, int count,
                                   const MakeArgs& args = {});

  // Made and created, as the (first) gateway answered. A failure fails the test and
  // answers with the record as it was sent.
  MessagePtr Created(const schema::Entity& entity, const MakeArgs& args = {});
  std::vector<MessagePtr> CreatedMany(const schema::Entity& entity, int count,
                                      const MakeArgs& args = {});

  // An id that no record has.
  Value NewId(const schema::Entity& entity);

  // A valid value for a scalar field, or for one element of a list or map of them.
  Value ScalarFor(const FieldDescriptor* field, const Rules& rules, bool distinct);
  Value ScalarFor(const schema::Field& field) {
    return ScalarFor(field.value != nullptr ? field.value : field.descriptor,
                     RulesOf(field.descriptor), true);
  }
  // Sets the field to a random valid value, whatever it is, by the rules of the
  // field. References are values like others here. `depth` counts the messages
  // around it; `distinct` values hardly ever meet.
  void Fill(Message* message, const FieldDescriptor* field, int depth, bool distinct);
  // Sets fields of a message by chance: nested messages, Structs.
  void FillMessage(Message* message, int depth);

  Random& random() { return random_; }

 private:
  std::string TextFor(const Rules& rules, bool distinct);
  int64_t IntegerFor(const Rules& rules, int64_t low, int64_t high, bool distinct);
  void FillMap(Message* message, const FieldDescriptor* field, int64_t count,
               const std::function<void(Message* entry)>& set_value);
  void FillStruct(Message* message, int depth);
  void FillStructValue(Message* message, int depth);

  Gateway* const gateway_;
  const std::vector<Gateway*> mirrors_;
  Random random_;
};

// Whether callers may set the field: stored data that is not the gateway's own.
bool Writable(const schema::Field& field);

}  // namespace storegate::test

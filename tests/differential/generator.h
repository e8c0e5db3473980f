// Random sequences of operations, made from a seed alone: what databases answer plays
// no part.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "tests/differential/comparison.h"
#include "tests/differential/operation.h"
#include "tests/differential/values.h"
#include "tests/support/schemas.h"

namespace storegate::test {

class Generator {
 public:
  Generator(const NamedSchema& schema, uint64_t seed, const Common& common);

  // So many; the last ones list all there is.
  Sequence Make(int operations);

 private:
  struct Sent {  // of one entity
    std::vector<Value> given;       // GivenId of creates without id
    std::vector<MessagePtr> records;
  };

  const schema::Method* Find(const schema::Entity& entity, schema::Operation operation) const {
    return FindMethod(*schema_.schema, entity, operation);
  }
  Random& random() { return values_.random(); }
  int64_t Dice(int64_t low, int64_t high) { return random().Between(low, high); }
  const schema::Entity& PickEntity();
  // Those that the entity refers to, then itself.
  void ListParentsFirst(const schema::Entity& entity, std::vector<const schema::Entity*>* all);
  void Add(const schema::Method* method, MessagePtr request, bool to_the_end = false);

  Value IdFor(const schema::Entity& entity);
  std::string EtagFor();
  MessagePtr Record(const schema::Entity& entity);
  Value ValueFor(const schema::Field& field);

  // Whether the store has the operation, which is added then.
  bool Step(const schema::Entity& entity, schema::Operation operation);
  MessagePtr Create(const schema::Method& method);
  MessagePtr BatchCreate(const schema::Method& method);
  MessagePtr ByKey(const schema::Method& method);
  MessagePtr BatchGet(const schema::Method& method);
  MessagePtr Update(const schema::Method& method);
  MessagePtr ById(const schema::Method& method);
  // In generator_lists.cc:
  void List(const schema::Method& method);
  void ListAll(const schema::Method& method);
  std::string OrderBy(const schema::Entity& entity);
  std::string Filter(const schema::Entity& entity);
  void SetPredicate(const schema::Entity& entity, const schema::RequestPredicate& predicate,
                    Message* request);
  std::string MaskPath(const schema::Field& field);

  const NamedSchema& schema_;
  const Common common_;
  Values values_;
  std::vector<const schema::Entity*> entities_;
  std::map<const schema::Entity*, Sent> sent_;
  Sequence sequence_;
};

}  // namespace storegate::test

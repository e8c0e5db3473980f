// Random operations on one entity, on the gateway and on the model at once.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "tests/model/model.h"
#include "tests/support/record_factory.h"

namespace storegate::test {

struct ModelCase {
  std::string schema;
  std::string entity;
};

// Used by one thread. A difference fails the test; the operations before it are
// printed.
class Lockstep {
 public:
  Lockstep(const ModelCase& c, uint64_t seed);

  // Until so many are done or one differs.
  void Run(int operations);

 private:
  static constexpr size_t kRowsMax = 40;

  const schema::Entity& FindEntity(const ModelCase& c);
  bool SelfReference(const schema::Field& field) const;
  bool CanShowDeleted(schema::Operation operation);
  Random& random() { return factory_.random(); }
  // Remembers a line of the story that is told when something differs.
  void Note(std::string line);

  Value RandomId();
  // Right, wrong (of another row or time) or none.
  std::string RandomEtag(const Value& id);
  // A valid record, often with a unique value or reference that is not free.
  MessagePtr RandomRecord();
  std::string RandomOrder();
  void SetPredicate(Message* request, const FieldDescriptor* field);

  // Whether the answer is what the model says. True where it was OK, as it must be.
  bool Expect(const Status& status, const Errors& errors);
  // The row as it is after a write that was OK.
  void Take(const Message& answered, const Message& expected, bool deleted);
  // Keeps the etag of a state that is no more, to be sent as a wrong one.
  void Forget(const Row& row);
  void CompareAll();

  // One operation, drawn by chance.
  void Step();
  void Get();
  void BatchGet();
  void List();
  void Reopen();
  // In lockstep_writes.cc:
  void Create();
  void BatchCreate();
  void Update();
  void Delete();
  void Undelete();
  void Purge();

  Gateway gateway_;
  const schema::Entity& entity_;
  StoreClient store_;
  RecordFactory factory_;
  std::map<const schema::Field*, std::vector<Value>> parents_;
  Model model_;
  std::vector<Value> ids_;
  std::vector<const schema::Field*> updatable_;
  std::vector<std::string> old_etags_;
  std::set<std::string> all_etags_;
  std::deque<std::string> story_;
};

}  // namespace storegate::test

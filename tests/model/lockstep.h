// Random operations on one entity, on the gateways of several backends and on the
// model at once: each must answer what the model says, and all must say the same.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/model/side.h"
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

  static const schema::Entity& FindEntity(const ModelCase& c);
  bool SelfReference(const schema::Field& field) const;
  bool CanShowDeleted(schema::Operation operation);
  bool BatchesCanBeWhole();
  Random& random() { return factory_->random(); }
  // Of any side: which ids there are, and what each holds, is the same in all.
  const Model& model() const { return sides_.front()->model; }
  StoreClient& store() { return sides_.front()->store; }
  // Remembers a line of the story that is told when something differs.
  void Note(std::string line);

  Value RandomId();
  // Right, wrong (of another row or time) or none.
  EtagChoice RandomEtag(const Value& id);
  // A valid record, often with a unique value or reference that is not free.
  MessagePtr RandomRecord();
  std::string RandomOrder();

  // A value for a request's predicate: of a row of the side that is asked, since
  // times are a side's own, else the same for all.
  using Choice = std::function<void(const Side& side, Message* request)>;
  Choice RandomPredicate(const FieldDescriptor* field);

  // Whether the answer is what the model says. True where it was OK, as it must be.
  bool Expect(Side& side, const Status& status, const Errors& errors);
  void CompareAll();

  // One operation, drawn by chance.
  void Step();
  void Perform();
  // All sides must have said the same since the last time.
  void CompareSides();
  void Each(const std::function<void(Side& side)>& operation);
  void Get();
  void BatchGet();
  void List();
  void ListOn(Side& side, ListArgs args, const std::vector<const schema::RequestPredicate*>& used,
              const Message& filter);
  void Reopen();
  // In lockstep_writes.cc:
  void Create();
  // The gateway gives the id; the record is taken away again, since each gives
  // another one.
  void CreateWithoutId();
  void BatchCreate();
  void BatchCreateOn(Side& side, const std::vector<MessagePtr>& records, bool partial);
  void Update();
  void Delete();
  void DeleteOn(Side& side, const Value& id, const DeleteArgs& args);
  void Undelete();
  void Purge();

  const schema::Entity& entity_;
  std::map<const schema::Field*, std::vector<Value>> parents_;
  std::vector<std::unique_ptr<Side>> sides_;
  std::unique_ptr<RecordFactory> factory_;
  std::vector<Value> ids_;
  std::vector<const schema::Field*> updatable_;
  std::deque<std::string> story_;
};

}  // namespace storegate::test

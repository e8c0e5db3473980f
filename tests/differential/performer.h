// Performs operations on one gateway and says what it answered in words that every
// gateway must say the same.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/differential/operation.h"
#include "tests/support/gateway.h"

namespace storegate::test {

// Which operation ran when, on all sides at once. Times of two operations never meet:
// each begins at least two milliseconds after the one before it ended.
class Timeline {
 public:
  // Waits for that.
  void Begin(int label);
  void End();

  // The label of the operation during which it was; -1 when it was during none.
  int LabelAt(int64_t millis) const;
  // A moment before the operation and after all before it; `otherwise` when there was
  // no such operation.
  int64_t Before(int label, int64_t otherwise) const;

 private:
  struct Span {
    int label;
    int64_t begin;
    int64_t end;
  };
  std::vector<Span> spans_;
};

struct Answer {
  // Lines; what the gateway made up is in the words of symbols.h.
  std::vector<std::string> lines;
  // The same, but with errors as they were: a small number that was counted for an id
  // looks like any other number in a text.
  std::vector<std::string> plain;
};

// Used by one thread.
class Performer {
 public:
  // Both outlive it.
  Performer(Gateway* gateway, const Timeline* timeline);

  // Between Begin and End of the timeline.
  Answer Perform(const Operation& operation);

 private:
  using Row = std::pair<const schema::Entity*, Value>;

  const schema::Entity* EntityOf(const Message& message) const;
  // Every message in it that is a record of an entity, and what the two know of it.
  MessagePtr Translated(const Operation& operation) const;
  void TranslateRecords(Message* message) const;
  Value ActualId(const schema::Entity& entity, const Value& id) const;
  std::string ActualEtag(const std::string& etag, const Row& row) const;

  void Learn(const Operation& operation, const Message& sent, const Message& response);
  void SymbolizeRecords(Message* message);
  void Symbolize(Message* record, const schema::Entity& entity);
  std::string SymbolOfEtag(const std::string& etag, const Row& row);
  std::string InSymbols(std::string text) const;
  void Say(const Status& status, Answer* answer) const;
  void Say(const schema::Method& method, Message* response, Answer* answer);

  Gateway* const gateway_;
  const Timeline* const timeline_;
  std::map<const google::protobuf::Descriptor*, const schema::Entity*> entities_;
  std::map<Row, Value> actual_ids_;  // by what operations say
  std::map<Row, Value> symbols_;     // by what the gateway says
  std::map<std::string, std::string> etags_;  // what it says: what we say
  std::map<Row, std::vector<std::string>> etags_of_;
  std::map<int, std::string> tokens_;  // by the list's label
};

}  // namespace storegate::test

#include "tests/differential/permitted.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/support/exceptions.h"

namespace storegate::test {
namespace {

struct Entry {
  const char* name;
  const char* reason;
  // Null: nothing is excused; the words of symbols.h take its place in every answer.
  bool (*covers)(const Operation& operation, const Answer& first, const Answer& second);
};

// "ALREADY_EXISTS UNIQUE_VIOLATION: requests[1]" of a batch that is all or none, said by
// both of the same request.
bool OneRequestTakesSeveral(const Operation& operation, const Answer& first,
                            const Answer& second) {
  constexpr std::string_view kStart = "ALREADY_EXISTS UNIQUE_VIOLATION: requests[";
  if (operation.method->operation != schema::Operation::kBatchCreate) return false;
  if (first.lines.size() != 1 || second.lines.size() != 1) return false;
  const std::string& one = first.lines.front();
  const std::string& other = second.lines.front();
  return one.compare(0, kStart.size(), kStart) == 0 &&
         one.substr(0, one.find(']')) == other.substr(0, other.find(']'));
}

const Entry kEntries[] = {
    {"times of the gateway",
     "create_time, update_time and delete_time are each gateway's clock: compared by the "
     "operation during which they were taken",
     nullptr},
    {"etags", "each gateway makes its own: compared by when they change", nullptr},
    {"ids that none was sent for",
     "UUIDs are random, and numbers that a database counts may have gaps: compared by the "
     "record that they were given to",
     nullptr},
    {"given numbers beside counted ones",
     "would fall into those gaps: an entity's ids are all given, or counted with negative ones "
     "beside them",
     nullptr},
    {"page tokens", "sealed with each gateway's key: compared by where pages end", nullptr},
    {"batches of several, all or none",
     "not sent where one of the two has no transactions (TRANSACTIONS_UNAVAILABLE)", nullptr},
    {"which of several unique values is named",
     "where a request of a batch that is all or none takes one of another request of it and one "
     "of a record that is there: PostgreSQL has taken back the first when it looks",
     OneRequestTakesSeveral},
};

std::vector<int64_t>& Used() {
  static std::vector<int64_t> used(std::size(kEntries), 0);
  return used;
}

}  // namespace

bool Permitted(const Operation& operation, const Answer& first, const Answer& second) {
  for (size_t i = 0; i < std::size(kEntries); ++i) {
    if (kEntries[i].covers == nullptr || !kEntries[i].covers(operation, first, second)) continue;
    ++Used()[i];
    NoteException(std::string("backends may differ in ") + kEntries[i].name, kEntries[i].reason);
    return true;
  }
  return false;
}

std::string PermittedTable() {
  std::string table;
  for (size_t i = 0; i < std::size(kEntries); ++i) {
    table += std::string("  ") + kEntries[i].name + ": " + kEntries[i].reason;
    if (kEntries[i].covers != nullptr) table += " (" + std::to_string(Used()[i]) + " times)";
    table += "\n";
  }
  return table;
}

}  // namespace storegate::test

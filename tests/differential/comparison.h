// Two backends side by side: a sequence performed on both, and the first operation that
// they do not answer alike.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/differential/performer.h"
#include "tests/support/backend_under_test.h"
#include "tests/support/gateway.h"

namespace storegate::test {

struct Contender {
  BackendUnderTest backend;
  // What GatewayOptions::wrap is.
  std::function<std::unique_ptr<repository::Backend>(std::unique_ptr<repository::Backend>)> wrap =
      {};
};

// What both of a pair can do; sequences hold nothing else.
struct Common {
  bool transactions = true;
};

struct Difference {
  size_t at = 0;  // in the sequence
  std::vector<std::string> first;   // what each said there
  std::vector<std::string> second;
};

class Pair {
 public:
  Pair(Contender first, Contender second)
      : first_(std::move(first)), second_(std::move(second)) {}

  std::string name() const { return first_.backend.name + " and " + second_.backend.name; }
  const std::string& first_name() const { return first_.backend.name; }
  const std::string& second_name() const { return second_.backend.name; }

  // What one of them lacks is noted as an exception of the case that runs.
  Common CommonOf(const NamedSchema& schema) const;
  // On fresh databases. Empty: no difference but those of permitted.h.
  std::optional<Difference> Compare(const NamedSchema& schema, const Sequence& sequence) const;
  // For people: where the two part, and what each says.
  std::string Describe(const Difference& difference) const;

 private:
  Contender first_;
  Contender second_;
};

}  // namespace storegate::test

// What a case leaves out because the database under test cannot do it, or because the
// server that stands in for it is known to do it wrong: named where it is made, and
// listed with its reason at the end of the run (tests/summary.py).
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "server/repository/backend.h"

namespace storegate::test {

// On the case that runs. Of several each has a property of its own.
inline void NoteException(const std::string& name, const std::string& reason) {
  testing::Test::RecordProperty("exception " + name, name + ": " + reason);
}

// Whether several changes can be all or none; where not, that is an exception.
inline bool HasTransactions(const repository::Backend& backend) {
  if (backend.capabilities().transactions) return true;
  NoteException(std::string(backend.kind()) + " without transactions",
                "a server that is no replica set has none; a batch of several is refused unless "
                "allow_partial is set");
  return false;
}

}  // namespace storegate::test

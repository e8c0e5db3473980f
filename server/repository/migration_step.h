// A step of a migration: what is done, or not done, as one. Migration files are cut into
// steps by migrate::Generator::Steps.
#pragma once

#include <string>

namespace storegate::repository {

struct Step {
  enum class Kind {
    // Statements in one transaction; commands one after the other where the database has
    // no transactions over its tables.
    kTransaction,
    // One statement that cannot be in a transaction (CREATE INDEX CONCURRENTLY). May be
    // run again when it was cut short: what it left behind is cleared away first, and
    // what it had finished is left.
    kNoTransaction,
    // One statement, run again and again, each time as a transaction, until it changes
    // nothing. Begins where it was cut short by the way it is written.
    kRepeat,
    // The folded column `column` of `table` is written anew, by the gateway, in batches.
    kRefold,
  };
  Kind kind = Kind::kTransaction;
  std::string script;  // as the database reads it; "" for kRefold
  // kRepeat: a statement whose answer is the number of rows to go; "" where unknown.
  std::string total;
  std::string table;   // kRefold
  std::string column;  // kRefold: the column that is folded, not the folded one
  int line = 1;        // in the file
};

}  // namespace storegate::repository

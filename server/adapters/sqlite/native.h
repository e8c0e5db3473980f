// Native queries: a text of the schema's, run as it stands.
//
// $1, ?1 are the first of the parameters and so on, each as a column of its type is
// kept (types.h). A list is a JSON array for json_each: numbers and texts as they
// are, times in ms, durations in us, bytes as hex() writes them.
#pragma once

#include <unordered_map>
#include <vector>

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/repository/sink.h"
#include "server/schema/schema.h"

namespace storegate::sqlite {

// The native queries that a session has run. Used by one thread at a time.
class Natives {
 public:
  // As Session::Native. The text is one statement that reads, or it is refused: whether
  // the connection may write does not matter.
  Status Run(Connection* connection, const repository::NativeQuery& query,
             repository::Sink* sink);

 private:
  // Which parameter each of the places of the text is.
  using Places = std::vector<size_t>;
  Result<const Places*> Check(Connection* connection, const repository::NativeQuery& query);

  std::unordered_map<const schema::Native*, Places> checked_;
};

}  // namespace storegate::sqlite

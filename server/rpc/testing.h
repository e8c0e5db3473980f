// Testing: storegate.v1.Testing, for the test suites of others. Its one method calls back
// on a thread of its own: no other call waits for it.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "server/base/status.h"
#include "server/base/worker_pool.h"
#include "server/rpc/talk.h"

namespace storegate::rpc {

class Testing : public TalkService {
 public:
  // `reset` is called by each Reset, one at a time; its status is the answer. Those that
  // are called or wait are done before this goes.
  explicit Testing(std::function<Status()> reset);

  std::unique_ptr<Talk> Open(std::string_view path, Line* line) override;

 private:
  const std::function<Status()> reset_;
  WorkerPool pool_;
};

}  // namespace storegate::rpc

// Testing: storegate.v1.Testing, for the test suites of others. Its one method calls back
// on a thread of its own: no other call waits for it.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "server/base/status.h"
#include "server/rpc/talk.h"

namespace storegate::rpc {

class Testing : public TalkService {
 public:
  // `reset` is called by each Reset, one at a time; its status is the answer.
  explicit Testing(std::function<Status()> reset);
  // Waits for a `reset` that runs; those that wait are not called.
  ~Testing() override;

  std::unique_ptr<Talk> Open(std::string_view path, Line* line) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::rpc

// Health: grpc.health.v1 for the server ("") and for each store by full name.
// Never calls a database. Any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/rpc/talk.h"

namespace storegate::rpc {

class Health : public TalkService {
 public:
  // All are NOT_SERVING at first.
  explicit Health(const std::vector<std::string>& stores);
  ~Health() override;

  std::unique_ptr<Talk> Open(std::string_view path, Line* line) override;

  // One store, or all and "". Unknown names, and all after Stop, are ignored.
  void Set(bool serving);
  void Set(const std::string& store, bool serving);

  // Why it does not serve yet: sent as metadata `storegate-reason` with what is answered
  // meanwhile, with the end of a Check and with the first answer of a Watch. At most 1 KiB
  // of it, what is not printable ASCII as '?'. Until Set(true).
  void SetReason(std::string_view reason);

  // NOT_SERVING everywhere, for good.
  void Stop();
  // Ends the open watches with UNAVAILABLE, and those that come.
  void Close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::rpc

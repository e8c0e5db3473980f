// Stream: all that a List would page through, a step at a time.
#include "server/service/context.h"

namespace storegate::service {

void Stream(const CallPtr& call) {
  call->Fail(Status(Code::kUnimplemented, "STREAM_UNAVAILABLE", "streams are not served"));
}

}  // namespace storegate::service

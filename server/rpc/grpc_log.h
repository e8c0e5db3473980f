// What gRPC itself has to say, as our own log lines.
#pragma once

namespace storegate::rpc {

// From here on gRPC's errors are logged at kWarn, at most ten in ten seconds (a
// hostile peer can cause one each time it connects), the rest at kDebug. For the
// whole process; any thread, any number of times.
void CaptureGrpcLogs();

}  // namespace storegate::rpc

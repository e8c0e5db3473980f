// `storegate serve`: the gateway behind its edge, until a signal ends it.
#pragma once

#include "server/cmd/config.h"

namespace storegate::cmd {

// SIGTERM and SIGINT, held back in this thread and all that it makes from now on,
// so that Serve can wait for them. Call before anything makes a thread.
void HoldSignals();

// Serves until SIGTERM or SIGINT, then stops in order; a second one ends the
// process at once. Prints one line to stdout when it serves, mistakes to stderr.
// The exit code: 0, or 1 when it could not serve.
int Serve(const Config& config);

}  // namespace storegate::cmd

// `storegate serve`: the gateway behind its edge, until a signal ends it.
#pragma once

#include <csignal>

#include "server/cmd/config.h"

namespace storegate::cmd {

// SIGTERM and SIGINT, held back in this thread and all that it makes from now on,
// so that Serve can wait for them. Call before anything makes a thread.
void HoldSignals();
// SIGTERM and SIGINT.
sigset_t EndingSignals();

// Listens, opens and migrates databases while health says NOT_SERVING and why, and serves
// until SIGTERM or SIGINT; then stops in order. A second one, or one that comes before it
// serves, ends the process at once, with 128 and its number as exit code. Prints one line
// to stdout when it serves (ephemeral.h has another), mistakes to stderr. The exit code: 0, or 1 when it could not
// serve.
int Serve(const Config& config);

}  // namespace storegate::cmd

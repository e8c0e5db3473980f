#!/usr/bin/env bash
# start.sh BUILT HOST:PORT: serves on HOST:PORT. Becomes the server.
set -euo pipefail
exec "$1/bench_echo" "$2"

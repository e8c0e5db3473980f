#!/usr/bin/env bash
# start.sh BUILT HOST:PORT SOCKET_DIR [-batch]: serves on HOST:PORT from the
# database `bench` behind the socket. Becomes the server.
set -euo pipefail
built=$1 listen=$2 socket=$3
shift 3
# Less garbage collection than by default: memory is not what is compared here.
export GOGC=${GOGC:-400}
exec "$built/go_pgx" -listen "$listen" -database "host=$socket user=bench dbname=bench" "$@"

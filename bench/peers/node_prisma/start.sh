#!/usr/bin/env bash
# start.sh BUILT HOST:PORT SOCKET_DIR: serves on HOST:PORT from the database
# `bench` behind the socket. Becomes the server.
set -euo pipefail
protos=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../proto" && pwd)
export NODE_ENV=production
exec node "$1/server.js" "$2" "$3" "$protos"

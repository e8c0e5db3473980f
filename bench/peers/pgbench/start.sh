#!/usr/bin/env bash
# start.sh PGBENCH SOCKET_DIR SCRIPT CLIENTS SECONDS [-D NAME=VALUE…]: runs one
# statement a transaction on the database `bench`, with a line of progress each
# second. Becomes pgbench.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pgbench=$1 socket=$2 script=$3 clients=$4 seconds=$5
shift 5
exec "$pgbench" -h "$socket" -U bench -n -M prepared -f "$here/$script.sql" \
  -c "$clients" -j "$((clients < 2 ? 1 : 2))" -T "$seconds" -P 1 "$@" bench

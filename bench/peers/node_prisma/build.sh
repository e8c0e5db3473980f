#!/usr/bin/env bash
# build.sh OUT: installs the packages into OUT and generates the client there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$1
mkdir -p "$out"
cp "$here"/{package.json,package-lock.json,prisma.config.js,schema.prisma,server.js} "$out/"
cd "$out"
# No scripts: Prisma's would download engines, which a client with an adapter
# does not use.
if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --ignore-scripts --silent --no-audit --no-fund
  cp package-lock.json node_modules/.installed
fi
# Nor does `generate`; with a path to the engine given it asks for none.
PRISMA_SCHEMA_ENGINE_BINARY=$(type -P true) CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 \
  npx --no-install prisma generate --no-hints >generate.log 2>&1 || {
  cat generate.log >&2
  exit 1
}

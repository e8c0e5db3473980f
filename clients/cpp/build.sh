#!/usr/bin/env bash
# build.sh OUT: OUT/sample HOST:PORT tells the story, OUT/test runs the tests. Takes Debian 12's
# g++ cmake ninja-build libgrpc++-dev protobuf-compiler-grpc libgtest-dev.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

cmake -S "$here" -B "$out/cmake" -G Ninja -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$out" \
  >"$out/cmake.log" || {
  cat "$out/cmake.log" >&2
  exit 1
}
cmake --build "$out/cmake" -j "$(nproc)"

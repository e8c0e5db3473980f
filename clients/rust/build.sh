#!/usr/bin/env bash
# build.sh OUT: OUT/sample HOST:PORT tells the story, OUT/test runs the tests. Takes Rust 1.88
# or later, protoc on PATH and, the first time, the network.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
export CARGO_TARGET_DIR=$out/target

cargo build --quiet --manifest-path "$here/Cargo.toml" --bins --tests
ln -sf target/debug/sample "$out/sample"

# What was built is found again, hence no network.
cat >"$out/test" <<END
#!/bin/sh
CARGO_TARGET_DIR='$out/target' exec cargo test --quiet --offline \\
  --manifest-path '$here/Cargo.toml' --test '*' "\$@"
END
chmod +x "$out/test"

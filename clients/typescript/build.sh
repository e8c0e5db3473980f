#!/usr/bin/env bash
# build.sh OUT: fetches from npm what is needed, generates the shop's stubs, builds the
# helper, its tests and the sample under OUT; then OUT/test and OUT/sample HOST:PORT run
# them. Nothing is done again while nothing changed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
proto=$(cd "$here/../../proto" && pwd)
mkdir -p "${1:?usage: build.sh OUT}"
out=$(cd "$1" && pwd)
exec 9>"$out/lock"
flock 9

# What a build is made of: a digest of the names and contents of these files.
digest() {
  find "$@" -type f -not -path '*/node_modules/*' -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum
}
wanted=$(digest "$here" "$proto")
[[ ! -e $out/built || $(<"$out/built") != "$wanted" ]] || exit 0

work=$out/package
rm -rf "$out/built" "$out/sample" "$out/test" "$out"/*.tgz
mkdir -p "$work"
find "$work" -mindepth 1 -maxdepth 1 -not -name node_modules -exec rm -rf {} +
cp -r "$here"/{.npmrc,package.json,package-lock.json,tsconfig.json,src,test,sample} "$work"
cd "$work"

needs=$(digest package.json package-lock.json)
if [[ ! -e node_modules/needs || $(<node_modules/needs) != "$needs" ]]; then
  npm ci --ignore-scripts --silent
  printf '%s\n' "$needs" >node_modules/needs
fi

# The shop's stubs as a user makes them, and for the helper those of the error details.
generate() {
  local into=$1
  shift
  mkdir -p "$into"
  protoc -I "$proto" --plugin=node_modules/.bin/protoc-gen-ts_proto --ts_proto_out="$into" \
    --ts_proto_opt=outputServices=generic-definitions,forceLong=bigint \
    --ts_proto_opt=useExactTypes=false,importSuffix=.js "$@"
}
generate gen "$proto"/shop/v1/*.proto
generate src/gen "$proto"/google/rpc/{status,error_details}.proto

node_modules/.bin/tsc
npm pack --silent --pack-destination "$out" >/dev/null

cat >"$out/sample" <<RUN
#!/bin/sh
exec node "$work/dist/sample/story.js" "\$@"
RUN
cat >"$out/test" <<RUN
#!/bin/sh
exec node --test --test-reporter=spec "\$@" "$work"/dist/test/*.test.js
RUN
chmod +x "$out/sample" "$out/test"
printf '%s\n' "$wanted" >"$out/built"

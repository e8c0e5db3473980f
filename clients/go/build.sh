#!/usr/bin/env bash
# build.sh OUT: generates Go stubs of the shop and builds the sample and the tests under OUT.
# Then OUT/sample HOST:PORT runs the sample, and OUT/test the tests.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
protos=$(cd "$here/../../proto" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

protoc_gen_go=google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
protoc_gen_go_grpc=google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2

# What the stubs are made from; while it is the same, so are they.
made_from=$(cd "$protos" && sha256sum "$here/build.sh" storegate/v1/*.proto shop/v1/*.proto google/rpc/*.proto)
if [[ ! -e $out/stamp || $(<"$out/stamp") != "$made_from" ]]; then
  GOWORK=off GOBIN="$out/tools" go install "$protoc_gen_go"
  GOWORK=off GOBIN="$out/tools" go install "$protoc_gen_go_grpc"

  rm -rf "$out/gen" "$out/stamp"
  mkdir -p "$out/gen"
  module=github.com/storegate/storegate/gen
  (cd "$protos" && PATH="$out/tools:$PATH" protoc -I . \
    --go_out="$out/gen" --go_opt="module=$module" \
    --go-grpc_out="$out/gen" --go-grpc_opt="module=$module" \
    storegate/v1/schema.proto storegate/v1/page.proto shop/v1/*.proto)
  # The stubs are a module of their own; the workspace has it imported without a release of it.
  printf 'module %s\n\ngo 1.26.0\n' "$module" >"$out/gen/go.mod"
  rm -f "$out/go.work" "$out/go.work.sum"
  (cd "$out" && go work init "$here" "$here/shop" "$out/gen")
  printf '%s\n' "$made_from" >"$out/stamp"
fi

export GOWORK=$out/go.work
cd "$here"
go build -buildvcs=false -o "$out/sample" ./shop/sample
# Compiles the tests, so that running them is no more than that.
go vet ./... ./shop/...

cat >"$out/test" <<END
#!/usr/bin/env bash
set -euo pipefail
cd $(printf %q "$here")
GOWORK=$(printf %q "$out/go.work") exec go test -count=1 "\$@" ./... ./shop/...
END
chmod +x "$out/test"

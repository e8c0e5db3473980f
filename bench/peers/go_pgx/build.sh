#!/usr/bin/env bash
# build.sh OUT: generates the stubs and builds the peer as OUT/go_pgx. All that is
# made stays in OUT.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
protos=$(cd "$here/../../../proto" && pwd)
out=$1
mkdir -p "$out/gen"
cp "$here"/*.go "$here"/go.mod "$here"/go.sum "$out/"
cd "$out"
GOBIN=$out/bin go install google.golang.org/protobuf/cmd/protoc-gen-go \
  google.golang.org/grpc/cmd/protoc-gen-go-grpc
module=storegate/bench/go_pgx
maps=()
for proto in shop/v1/product_store shop/v1/category_store storegate/v1/schema storegate/v1/page; do
  maps+=(--go_opt="M$proto.proto=$module/gen/${proto%/*}" --go-grpc_opt="M$proto.proto=$module/gen/${proto%/*}")
done
PATH=$out/bin:$PATH protoc -I "$protos" --go_out=. --go_opt=module=$module \
  --go-grpc_out=. --go-grpc_opt=module=$module "${maps[@]}" \
  shop/v1/product_store.proto shop/v1/category_store.proto storegate/v1/schema.proto \
  storegate/v1/page.proto
go build -o go_pgx .

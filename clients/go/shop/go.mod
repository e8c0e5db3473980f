// The sample, and those tests of the client that call the shop. A module of its own, so that who
// uses the client needs no stubs of the shop; build.sh makes the workspace that has them.
module github.com/storegate/storegate/clients/go/shop

go 1.26.0

require (
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261019180522-ce908d29299b
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

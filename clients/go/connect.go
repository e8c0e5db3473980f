package storegate

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// DefaultTimeout bounds unary calls whose context has no deadline.
const DefaultTimeout = 10 * time.Second

// Option changes what Connect does by default.
type Option func(*settings)

type settings struct {
	credentials credentials.TransportCredentials
	timeout     time.Duration
	services    []protoreflect.ServiceDescriptor
	dial        []grpc.DialOption
}

// WithCredentials connects by TLS, or whatever the credentials are. Default: plaintext.
func WithCredentials(creds credentials.TransportCredentials) Option {
	return func(s *settings) { s.credentials = creds }
}

// WithTimeout bounds unary calls whose context has no deadline. Default: DefaultTimeout;
// 0: such calls are not bounded. Streams are bounded by their context alone.
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.timeout = timeout }
}

// WithServices names the services whose reads are retried. Default: all whose stubs the
// program has linked in.
func WithServices(services ...protoreflect.ServiceDescriptor) Option {
	return func(s *settings) { s.services = services }
}

// WithDialOptions are passed on to grpc.NewClient. Interceptors among them see errors as
// gRPC made them, for they sit beneath those of this package.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.dial = append(s.dial, options...) }
}

// Connect makes a connection for stubs. It is for all goroutines of a program, does not wait
// for the gateway, and comes back by itself when that was gone. Reads are retried while the
// gateway is unavailable, writes are not; errors of calls are of type *Error.
func Connect(target string, options ...Option) (*grpc.ClientConn, error) {
	s := settings{credentials: insecure.NewCredentials(), timeout: DefaultTimeout}
	for _, option := range options {
		option(&s)
	}
	if s.services == nil {
		s.services = linkedServices()
	}
	dial := append([]grpc.DialOption{
		grpc.WithTransportCredentials(s.credentials),
		grpc.WithDefaultServiceConfig(ServiceConfig(s.services...)),
		// The first of the chain is the outermost: errors are made typed last.
		grpc.WithChainUnaryInterceptor(unary(s.timeout)),
		grpc.WithChainStreamInterceptor(streaming),
	}, s.dial...)
	return grpc.NewClient(target, dial...)
}

func linkedServices() []protoreflect.ServiceDescriptor {
	var services []protoreflect.ServiceDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			services = append(services, file.Services().Get(i))
		}
		return true
	})
	return services
}

func unary(timeout time.Duration) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if _, bounded := ctx.Deadline(); !bounded && timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		return typed(invoke(ctx, method, request, reply, conn, options...))
	}
}

func streaming(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, conn, method, options...)
	if err != nil {
		return nil, typed(err)
	}
	return typedStream{stream}, nil
}

// typedStream is a stream whose errors are of type *Error.
type typedStream struct{ grpc.ClientStream }

func (s typedStream) SendMsg(message any) error { return typed(s.ClientStream.SendMsg(message)) }
func (s typedStream) RecvMsg(message any) error { return typed(s.ClientStream.RecvMsg(message)) }

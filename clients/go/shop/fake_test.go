package shop_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"

	storegate "github.com/storegate/storegate/clients/go"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fake is a ProductStore that fails as a test tells it to, and counts what it was asked.
type fake struct {
	shopv1.UnimplementedProductStoreServer

	mutex sync.Mutex
	calls map[string]int
	// Statuses of the next calls, in order; when none is left calls go well.
	failures []codes.Code
	// StreamProducts: after how many messages each of the next calls breaks off.
	breaks   []int
	products int
	contexts []context.Context // of each call
	hang     bool              // until the caller gives up
}

// serve runs the fake on a free port and connects to it.
func (f *fake) serve(t *testing.T, options ...storegate.Option) shopv1.ProductStoreClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	f.calls = map[string]int{}
	shopv1.RegisterProductStoreServer(server, f)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return shopv1.NewProductStoreClient(connect(t, listener.Addr().String(), options...))
}

func connect(t *testing.T, target string, options ...storegate.Option) *grpc.ClientConn {
	t.Helper()
	conn, err := storegate.Connect(target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (f *fake) called(ctx context.Context, method string) error {
	if f.hang {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.calls[method]++
	f.contexts = append(f.contexts, ctx)
	if len(f.failures) == 0 {
		return nil
	}
	code := f.failures[0]
	f.failures = f.failures[1:]
	return status.Error(code, "as the test says")
}

func (f *fake) count(method string) int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.calls[method]
}

func (f *fake) GetProduct(ctx context.Context, _ *shopv1.GetProductRequest) (*shopv1.Product, error) {
	return &shopv1.Product{}, f.called(ctx, "GetProduct")
}

func (f *fake) CreateProduct(ctx context.Context, _ *shopv1.CreateProductRequest) (*shopv1.Product, error) {
	return &shopv1.Product{}, f.called(ctx, "CreateProduct")
}

// StreamProducts sends two products a message; a token is the number of those before it.
func (f *fake) StreamProducts(request *shopv1.StreamProductsRequest,
	stream grpc.ServerStreamingServer[shopv1.StreamProductsResponse]) error {
	if err := f.called(stream.Context(), "StreamProducts"); err != nil {
		return err
	}
	f.mutex.Lock()
	messages := f.products
	broken := len(f.breaks) > 0
	if broken {
		messages, f.breaks = f.breaks[0], f.breaks[1:]
	}
	f.mutex.Unlock()
	next, _ := strconv.Atoi(request.PageToken)
	for sent := 0; sent < messages && next < f.products; sent++ {
		message := &shopv1.StreamProductsResponse{}
		for range 2 {
			message.Products = append(message.Products, &shopv1.Product{Id: strconv.Itoa(next)})
			next++
		}
		if next < f.products {
			message.NextPageToken = strconv.Itoa(next)
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	if broken {
		return status.Error(codes.Unavailable, "broken off")
	}
	return nil
}

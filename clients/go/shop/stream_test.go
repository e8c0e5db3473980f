package shop_test

import (
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	storegate "github.com/storegate/storegate/clients/go"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
)

// streamed is the ids of all products, in order.
func streamed(t *testing.T, products shopv1.ProductStoreClient) (ids []string, err error) {
	request := &shopv1.StreamProductsRequest{}
	for message, err := range storegate.Stream(t.Context(), products.StreamProducts, request) {
		if err != nil {
			return ids, err
		}
		for _, product := range message.Products {
			ids = append(ids, product.Id)
		}
	}
	if request.PageToken != "" {
		t.Error("the caller's request has changed")
	}
	return ids, nil
}

var ten = strings.Fields("0 1 2 3 4 5 6 7 8 9")

func TestStreamGoesOnWhereItBroke(t *testing.T) {
	f := &fake{products: 10, breaks: []int{1, 2, 0}}
	ids, err := streamed(t, f.serve(t))
	if err != nil || !reflect.DeepEqual(ids, ten) {
		t.Errorf("%v, %v", ids, err)
	}
}

// It may break often, as long as it makes progress.
func TestStreamGoesOnWhileThereIsProgress(t *testing.T) {
	f := &fake{products: 20, breaks: []int{1, 1, 1, 1, 1, 1, 1, 1}}
	if ids, err := streamed(t, f.serve(t)); err != nil || len(ids) != 20 {
		t.Errorf("%v, %v", ids, err)
	}
}

// Everything was there: that the call broke off behind it does not matter.
func TestStreamThatBreaksBehindItsEnd(t *testing.T) {
	f := &fake{products: 10, breaks: []int{5}}
	ids, err := streamed(t, f.serve(t))
	if err != nil || !reflect.DeepEqual(ids, ten) || f.count("StreamProducts") != 1 {
		t.Errorf("%v, %v", ids, err)
	}
}

func TestStreamThatMakesNoProgressIsGivenUp(t *testing.T) {
	f := &fake{products: 10, breaks: make([]int, 100)}
	ids, err := streamed(t, f.serve(t, storegate.WithServices(shopv1.File_shop_v1_user_store_proto.Services().Get(0))))
	if !errors.Is(err, storegate.ErrUnavailable) || len(ids) != 0 || f.count("StreamProducts") != 4 {
		t.Errorf("%v, %v after %d attempts", ids, err, f.count("StreamProducts"))
	}
}

func TestOtherErrorsEndAStream(t *testing.T) {
	f := &fake{products: 10, failures: []codes.Code{codes.InvalidArgument}}
	ids, err := streamed(t, f.serve(t))
	if !errors.Is(err, storegate.ErrInvalidArgument) || len(ids) != 0 || f.count("StreamProducts") != 1 {
		t.Errorf("%v, %v after %d attempts", ids, err, f.count("StreamProducts"))
	}
}

// Who leaves the loop has the call ended.
func TestStreamIsLeftEarly(t *testing.T) {
	f := &fake{products: 10}
	products := f.serve(t)
	for message, err := range storegate.Stream(t.Context(), products.StreamProducts, &shopv1.StreamProductsRequest{}) {
		if err != nil || message.Products[0].Id != "0" {
			t.Error(message, err)
		}
		break
	}
	<-f.contexts[0].Done()
}

// cuts is a proxy that cuts the first connections after so many bytes of answers each.
func cuts(t *testing.T, target string, bytes ...int64) (address string, made *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	made = &atomic.Int32{}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			gateway, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			n := int(made.Add(1))
			go func() {
				io.Copy(gateway, client)
				gateway.Close()
			}()
			go func() {
				if n <= len(bytes) {
					io.CopyN(client, gateway, bytes[n-1])
				} else {
					io.Copy(client, gateway)
				}
				client.Close()
				gateway.Close()
			}()
		}
	}()
	return listener.Addr().String(), made
}

// A real gateway behind a bad network: about 4 MiB, cut within the second message, twice.
func TestStreamThroughABadNetwork(t *testing.T) {
	fill(t)
	padding, err := structpb.NewStruct(map[string]any{"padding": strings.Repeat("x", 100_000)})
	if err != nil {
		t.Fatal(err)
	}
	products := shopv1.NewProductStoreClient(connect(t, gateway.Target()))
	want := map[string]bool{}
	for range 4 {
		batch := &shopv1.BatchCreateProductsRequest{}
		for range 10 {
			batch.Requests = append(batch.Requests, &shopv1.CreateProductRequest{Product: &shopv1.Product{
				Name: "Boot", CategorySlug: "shoes", Metadata: padding,
			}})
		}
		made, err := products.BatchCreateProducts(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, product := range made.Products {
			want[product.Id] = true
		}
	}
	address, connections := cuts(t, gateway.Target(), 1_500_000, 1_500_000)
	ids, err := streamed(t, shopv1.NewProductStoreClient(connect(t, address)))
	got := map[string]bool{}
	for _, id := range ids {
		got[id] = true
	}
	if err != nil || len(ids) != 40 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d products, %d different, %v", len(ids), len(got), err)
	}
	if connections.Load() != 3 {
		t.Errorf("took %d connections", connections.Load())
	}
}

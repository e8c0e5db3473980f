package shop_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	storegate "github.com/storegate/storegate/clients/go"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

var plaintext = grpc.WithTransportCredentials(insecure.NewCredentials())

// seven makes products P1 to P7, each dearer than the one before.
func seven(t *testing.T) shopv1.ProductStoreClient {
	t.Helper()
	fill(t)
	products := shopv1.NewProductStoreClient(connect(t, gateway.Target()))
	batch := &shopv1.BatchCreateProductsRequest{}
	for i := range 7 {
		batch.Requests = append(batch.Requests, &shopv1.CreateProductRequest{Product: &shopv1.Product{
			Name: fmt.Sprintf("P%d", i+1), PriceCents: int64(i), CategorySlug: "shoes",
		}})
	}
	if _, err := products.BatchCreateProducts(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return products
}

// pages is the names on each page.
func pages(t *testing.T, products shopv1.ProductStoreClient, request *shopv1.ListProductsRequest) [][]string {
	t.Helper()
	before := proto.Clone(request)
	var all [][]string
	for page, err := range storegate.Pages(t.Context(), products.ListProducts, request) {
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, product := range page.Products {
			names = append(names, product.Name)
		}
		all = append(all, names)
	}
	if !proto.Equal(request, before) {
		t.Error("the caller's request has changed")
	}
	return all
}

func TestPages(t *testing.T) {
	products := seven(t)
	for _, c := range []struct {
		request *shopv1.ListProductsRequest
		want    [][]string
	}{
		{&shopv1.ListProductsRequest{PageSize: 3}, [][]string{{"P1", "P2", "P3"}, {"P4", "P5", "P6"}, {"P7"}}},
		{&shopv1.ListProductsRequest{}, [][]string{{"P1", "P2", "P3", "P4", "P5", "P6", "P7"}}},
		// The gateway takes a token or skip or page, but not two of them.
		{&shopv1.ListProductsRequest{PageSize: 3, Skip: 2}, [][]string{{"P3", "P4", "P5"}, {"P6", "P7"}}},
		{&shopv1.ListProductsRequest{PageSize: 3, Page: 2}, [][]string{{"P4", "P5", "P6"}, {"P7"}}},
		{&shopv1.ListProductsRequest{CategorySlug: "hats"}, [][]string{nil}},
	} {
		c.request.OrderBy = "price_cents"
		if got := pages(t, products, c.request); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v gave %v", c.request, got)
		}
	}
}

func TestRecords(t *testing.T) {
	products := seven(t)
	all := storegate.Records(t.Context(), products.ListProducts,
		&shopv1.ListProductsRequest{PageSize: 2, OrderBy: "price_cents desc"},
		(*shopv1.ListProductsResponse).GetProducts)
	// Each range begins anew, also after one that was left early.
	for range 2 {
		var names []string
		for product, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			if names = append(names, product.Name); len(names) == 5 {
				break
			}
		}
		if want := []string{"P7", "P6", "P5", "P4", "P3"}; !reflect.DeepEqual(names, want) {
			t.Errorf("got %v", names)
		}
	}
}

func TestErrorsEndPages(t *testing.T) {
	products := seven(t)
	request := &shopv1.ListProductsRequest{OrderBy: "colour"}
	count := 0
	for product, err := range storegate.Records(t.Context(), products.ListProducts, request,
		(*shopv1.ListProductsResponse).GetProducts) {
		if count++; product != nil || !errors.Is(err, storegate.ErrInvalidArgument) {
			t.Error(product, err)
		}
	}
	if count != 1 {
		t.Errorf("yielded %d times", count)
	}
}

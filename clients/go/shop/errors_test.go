package shop_test

import (
	"context"
	"errors"
	"testing"

	storegate "github.com/storegate/storegate/clients/go"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func isError(t *testing.T, err error, kind storegate.Kind, reason string) *storegate.Error {
	t.Helper()
	var e *storegate.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) || e.Reason != reason || e.Message == "" {
		t.Fatalf("not %v %s: %v", kind, reason, err)
	}
	return e
}

// Each kind of error that the shop gives a caller, as the real gateway says it.
func TestErrorsOfTheGateway(t *testing.T) {
	shoes := fill(t)
	conn := connect(t, gateway.Target())
	categories, products := shopv1.NewCategoryStoreClient(conn), shopv1.NewProductStoreClient(conn)
	ctx := t.Context()

	_, err := products.CreateProduct(ctx, &shopv1.CreateProductRequest{
		Product: &shopv1.Product{PriceCents: -5, CategorySlug: "shoes"},
	})
	e := isError(t, err, storegate.ErrInvalidArgument, "INVALID_FIELD")
	if len(e.Violations) != 2 || e.Violations[0].Field != "product.name" ||
		e.Violations[1] != (storegate.Violation{Field: "product.price_cents", Description: "must be at least 0; got -5"}) {
		t.Errorf("violations are %v", e.Violations)
	}

	_, err = categories.GetCategory(ctx, &shopv1.GetCategoryRequest{Slug: "hats"})
	if e = isError(t, err, storegate.ErrNotFound, "RECORD_NOT_FOUND"); e.Domain != "storegate" {
		t.Errorf("domain is %q", e.Domain)
	}

	_, err = categories.CreateCategory(ctx, &shopv1.CreateCategoryRequest{
		Category: &shopv1.Category{Name: "More shoes", Slug: "shoes"},
	})
	if e = isError(t, err, storegate.ErrAlreadyExists, "UNIQUE_VIOLATION"); e.Metadata["fields"] != "slug" {
		t.Errorf("metadata is %v", e.Metadata)
	}

	_, err = categories.UpdateCategory(ctx, &shopv1.UpdateCategoryRequest{
		Category:   &shopv1.Category{Id: shoes.Id, Name: "Boots", Etag: "0123456789abcdef"},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}},
	})
	isError(t, err, storegate.ErrConflict, "ETAG_MISMATCH")

	_, err = products.CreateProduct(ctx, &shopv1.CreateProductRequest{
		Product: &shopv1.Product{Name: "Cap", CategorySlug: "hats"},
	})
	isError(t, err, storegate.ErrFailedPrecondition, "REFERENCE_NOT_FOUND")

	err = conn.Invoke(ctx, "/shop.v1.ProductStore/Polish", &emptypb.Empty{}, &emptypb.Empty{})
	if !errors.Is(err, storegate.ErrUnimplemented) {
		t.Error(err)
	}

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = categories.GetCategory(cancelled, &shopv1.GetCategoryRequest{Slug: "shoes"})
	isError(t, err, storegate.ErrCanceled, "")
}

// Errors of a stream are typed where it is read by hand, too.
func TestErrorsOfAStream(t *testing.T) {
	products := shopv1.NewProductStoreClient(connect(t, gateway.Target()))
	stream, err := products.StreamProducts(t.Context(), &shopv1.StreamProductsRequest{OrderBy: "colour"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	isError(t, err, storegate.ErrInvalidArgument, "INVALID_ORDER_BY")
}

// What failed of a batch that allows it is read by the same means.
func TestErrorsWithinABatch(t *testing.T) {
	fill(t)
	categories := shopv1.NewCategoryStoreClient(connect(t, gateway.Target()))
	batch, err := categories.BatchCreateCategories(t.Context(), &shopv1.BatchCreateCategoriesRequest{
		Requests: []*shopv1.CreateCategoryRequest{
			{Category: &shopv1.Category{Name: "Hats", Slug: "hats"}},
			{Category: &shopv1.Category{Name: "More shoes", Slug: "shoes"}},
		},
		AllowPartial: true,
	})
	if err != nil || len(batch.Categories) != 1 || len(batch.FailedRequests) != 1 {
		t.Fatal(batch, err)
	}
	isError(t, storegate.FromStatus(batch.FailedRequests[1]), storegate.ErrAlreadyExists, "UNIQUE_VIOLATION")
}

// A connection that others made: the same by FromError.
func TestFromErrorOnAPlainConnection(t *testing.T) {
	fill(t)
	conn, err := grpc.NewClient(gateway.Target(), plaintext)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = shopv1.NewCategoryStoreClient(conn).GetCategory(t.Context(), &shopv1.GetCategoryRequest{Slug: "hats"})
	isError(t, storegate.FromError(err), storegate.ErrNotFound, "RECORD_NOT_FOUND")
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	storegate "github.com/storegate/storegate/clients/go"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

type story struct {
	categories shopv1.CategoryStoreClient
	products   shopv1.ProductStoreClient
	orders     shopv1.OrderStoreClient
	users      shopv1.UserStoreClient
	tag        string // makes names unique, so that the story can be told again

	category               *shopv1.Category
	sneaker, derby, sandal *shopv1.Product
	user                   *shopv1.User
	sold                   []*shopv1.Order
}

func tag() string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	text := make([]byte, 8)
	for i := range text {
		text[i] = letters[rand.IntN(len(letters))]
	}
	return string(text)
}

func (s *story) fillTheShelf(ctx context.Context) (err error) {
	s.category, err = s.categories.CreateCategory(ctx, &shopv1.CreateCategoryRequest{
		Category: &shopv1.Category{Name: "Shoes " + s.tag, Slug: "shoes-" + s.tag},
	})
	if err != nil {
		return err
	}
	fmt.Println("category: created")

	product := func(name string, cents int64) *shopv1.CreateProductRequest {
		return &shopv1.CreateProductRequest{Product: &shopv1.Product{
			Name: name, PriceCents: cents, CategorySlug: s.category.Slug,
		}}
	}
	made, err := s.products.BatchCreateProducts(ctx, &shopv1.BatchCreateProductsRequest{
		Requests: []*shopv1.CreateProductRequest{
			product("Canvas sneaker", 4999), product("Derby", 12900), product("Sandal", 2900),
		},
	})
	if err != nil {
		return err
	}
	s.sneaker, s.derby, s.sandal = made.Products[0], made.Products[1], made.Products[2]
	fmt.Printf("products: %d created\n", len(made.Products))
	return nil
}

func (s *story) listTheShelf(ctx context.Context) error {
	pages := 0
	for page, err := range storegate.Pages(ctx, s.products.ListProducts, &shopv1.ListProductsRequest{
		CategorySlug: s.category.Slug, OrderBy: "price_cents", PageSize: 2,
	}) {
		if err != nil {
			return err
		}
		for _, product := range page.Products {
			fmt.Println("product:", product.Name, product.PriceCents)
		}
		pages++
	}
	fmt.Println("pages:", pages)

	category, err := s.categories.GetCategory(ctx, &shopv1.GetCategoryRequest{
		Slug: s.category.Slug, Include: mask("product_count"),
	})
	if err != nil {
		return err
	}
	fmt.Println("on the shelf:", category.ProductCount)
	return nil
}

func (s *story) changeAPrice(ctx context.Context) error {
	// The etag says which state of the record the change was thought of for.
	set := func(etag string, cents int64) (*shopv1.Product, error) {
		return s.products.UpdateProduct(ctx, &shopv1.UpdateProductRequest{
			Product:    &shopv1.Product{Id: s.sneaker.Id, Etag: etag, PriceCents: cents},
			UpdateMask: mask("price_cents"),
		})
	}
	updated, err := set(s.sneaker.Etag, 3999)
	if err != nil {
		return err
	}
	fmt.Println("updated:", updated.Name, updated.PriceCents)

	_, err = set(s.sneaker.Etag, 1999)
	var failure *storegate.Error
	if !errors.Is(err, storegate.ErrConflict) || !errors.As(err, &failure) {
		return fmt.Errorf("an old etag was taken: %w", err)
	}
	fmt.Println("conflict:", storegate.Kind(failure.Code), failure.Reason)

	current, err := s.products.GetProduct(ctx, &shopv1.GetProductRequest{Id: s.sneaker.Id})
	if err != nil {
		return err
	}
	if s.sneaker, err = set(current.Etag, 3499); err != nil {
		return err
	}
	fmt.Println("updated:", s.sneaker.Name, s.sneaker.PriceCents)
	return nil
}

func (s *story) meetErrors(ctx context.Context) error {
	var failure *storegate.Error
	_, err := s.products.CreateProduct(ctx, &shopv1.CreateProductRequest{
		Product: &shopv1.Product{PriceCents: -5, CategorySlug: s.category.Slug},
	})
	if !errors.As(err, &failure) {
		return errors.New("a product without a name was taken")
	}
	var fields []string
	for _, violation := range failure.Violations {
		fields = append(fields, violation.Field)
	}
	fmt.Println("invalid:", storegate.Kind(failure.Code), strings.Join(fields, ", "))

	_, err = s.products.GetProduct(ctx, &shopv1.GetProductRequest{
		Id: "00000000-0000-4000-8000-000000000000",
	})
	if !errors.As(err, &failure) {
		return errors.New("a product that nobody made was found")
	}
	fmt.Println("missing:", storegate.Kind(failure.Code), failure.Reason)
	return nil
}

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	shopv1 "storegate/bench/go_pgx/gen/shop/v1"
)

const (
	getSQL  = `SELECT ` + columns + ` FROM products WHERE id = $1 AND delete_time IS NULL`
	manySQL = `SELECT ` + columns + ` FROM products WHERE id = ANY($1) AND delete_time IS NULL`
	listSQL = `SELECT ` + columns + ` FROM products
		WHERE category_slug = $1 AND delete_time IS NULL ORDER BY create_time DESC NULLS LAST, id LIMIT $2`
	createSQL = `INSERT INTO products (id, name, short_description, description, price_cents, sizes,
		colors, images, category_slug, sales_count, metadata, create_time, update_time, _folded_name,
		_folded_description, _version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, $15)`
)

type store struct {
	shopv1.UnimplementedProductStoreServer
	pool *pgxpool.Pool
	// By id; pgx.ErrNoRows where there is none.
	get func(ctx context.Context, id [16]byte) (*shopv1.Product, error)
}

func (s *store) getOne(ctx context.Context, id [16]byte) (*shopv1.Product, error) {
	return scanProduct(s.pool.QueryRow(ctx, getSQL, id))
}

func (s *store) GetProduct(ctx context.Context, request *shopv1.GetProductRequest) (*shopv1.Product, error) {
	id, ok := parseUUID(request.GetId())
	if !ok {
		return nil, status.Error(codes.InvalidArgument, "id must be a UUID")
	}
	product, err := s.get(ctx, id)
	if err != nil {
		return nil, toStatus(err)
	}
	return product, nil
}

func (s *store) BatchGetProducts(ctx context.Context, request *shopv1.BatchGetProductsRequest) (*shopv1.BatchGetProductsResponse, error) {
	ids := make([][16]byte, len(request.GetIds()))
	for i, text := range request.GetIds() {
		id, ok := parseUUID(text)
		if !ok {
			return nil, status.Errorf(codes.InvalidArgument, "ids[%d] must be a UUID", i)
		}
		ids[i] = id
	}
	found, err := s.many(ctx, ids)
	if err != nil {
		return nil, toStatus(err)
	}
	response := &shopv1.BatchGetProductsResponse{}
	for _, id := range request.GetIds() {
		if product := found[id]; product != nil {
			response.Products = append(response.Products, product)
		} else {
			response.MissingIds = append(response.MissingIds, id)
		}
	}
	return response, nil
}

func (s *store) many(ctx context.Context, ids [][16]byte) (map[string]*shopv1.Product, error) {
	rows, err := s.pool.Query(ctx, manySQL, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]*shopv1.Product, len(ids))
	for rows.Next() {
		product, err := scanProduct(rows)
		if err != nil {
			return nil, err
		}
		found[product.Id] = product
	}
	return found, rows.Err()
}

func (s *store) ListProducts(ctx context.Context, request *shopv1.ListProductsRequest) (*shopv1.ListProductsResponse, error) {
	size := int(request.GetPageSize())
	if request.GetCategorySlug() == "" || request.GetPageToken() != "" || size <= 0 || size > 1000 {
		return nil, status.Error(codes.Unimplemented, "only first pages of a category are served")
	}
	// One more than asked for tells whether there is a next page.
	rows, err := s.pool.Query(ctx, listSQL, request.GetCategorySlug(), size+1)
	if err != nil {
		return nil, toStatus(err)
	}
	defer rows.Close()
	response := &shopv1.ListProductsResponse{Products: make([]*shopv1.Product, 0, size)}
	for rows.Next() {
		if len(response.Products) == size {
			last := response.Products[size-1]
			key := last.Id + last.CreateTime.AsTime().Format("2006-01-02T15:04:05.000Z")
			response.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(key))
			break
		}
		product, err := scanProduct(rows)
		if err != nil {
			return nil, toStatus(err)
		}
		response.Products = append(response.Products, product)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, toStatus(err)
	}
	return response, nil
}

func (s *store) CreateProduct(ctx context.Context, request *shopv1.CreateProductRequest) (*shopv1.Product, error) {
	sent := request.GetProduct()
	id, ok := parseUUID(sent.GetId())
	if !ok {
		return nil, status.Error(codes.InvalidArgument, "product.id must be a UUID")
	}
	if sent.GetName() == "" || sent.GetCategorySlug() == "" {
		return nil, status.Error(codes.InvalidArgument, "product.name and product.category_slug are required")
	}
	images, err := json.Marshal(sent.GetImages())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "product.images is no map of texts")
	}
	var metadata []byte
	if sent.Metadata != nil {
		if metadata, err = json.Marshal(sent.Metadata.AsMap()); err != nil {
			return nil, status.Error(codes.InvalidArgument, "product.metadata is no JSON")
		}
	}
	now, version := nowMillis(), rand.Int64()
	_, err = s.pool.Exec(ctx, createSQL, id, sent.Name, sent.ShortDescription, sent.Description,
		sent.PriceCents, texts(sent.Sizes), texts(sent.Colors), images, sent.CategorySlug, sent.SalesCount,
		metadata, now, strings.ToLower(sent.Name), strings.ToLower(sent.Description), version)
	if err != nil {
		return nil, toStatus(err)
	}
	// The request is ours: it becomes the answer.
	created := sent
	created.CreateTime = timestamppb.New(now)
	created.UpdateTime = created.CreateTime
	created.DeleteTime = nil
	created.Etag = formatEtag(version)
	return created, nil
}

// texts keeps an empty list from becoming NULL.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// toStatus says to the caller what to do next, and the rest to the log.
func toStatus(err error) error {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return status.Error(codes.NotFound, "there is no such product")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "canceled")
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "too late")
	case errors.As(err, &pg) && pg.Code == "23505":
		return status.Error(codes.AlreadyExists, "the product exists")
	case errors.As(err, &pg) && pg.Code == "23503":
		return status.Error(codes.FailedPrecondition, "there is no such category")
	}
	log.Print(err)
	return status.Error(codes.Internal, "the database failed")
}

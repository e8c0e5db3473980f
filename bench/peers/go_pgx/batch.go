package main

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	shopv1 "storegate/bench/go_pgx/gen/shop/v1"
)

const maxBatch = 128

// batcher answers all Gets that wait at the same time with one statement. Nothing
// waits on purpose: a collector takes what is there.
type batcher struct {
	pool  *pgxpool.Pool
	waits chan waiting
}

type waiting struct {
	id     [16]byte
	answer chan<- answer
}

type answer struct {
	product *shopv1.Product
	err     error
}

// startBatcher runs `collectors` of them until ctx ends.
func startBatcher(ctx context.Context, pool *pgxpool.Pool, collectors int) *batcher {
	b := &batcher{pool: pool, waits: make(chan waiting, 10000)}
	for range collectors {
		go b.collect(ctx)
	}
	return b
}

func (b *batcher) get(ctx context.Context, id [16]byte) (*shopv1.Product, error) {
	answers := make(chan answer, 1)
	select {
	case b.waits <- waiting{id, answers}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case got := <-answers:
		return got.product, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *batcher) collect(ctx context.Context) {
	batch := make([]waiting, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case first := <-b.waits:
			batch = append(batch, first)
		case <-ctx.Done():
			return
		}
		for more := true; more && len(batch) < maxBatch; {
			select {
			case next := <-b.waits:
				batch = append(batch, next)
			default:
				more = false
			}
		}
		b.run(ctx, batch)
	}
}

func (b *batcher) run(ctx context.Context, batch []waiting) {
	if len(batch) == 1 {
		product, err := scanProduct(b.pool.QueryRow(ctx, getSQL, batch[0].id))
		batch[0].answer <- answer{product, err}
		return
	}
	ids := make([][16]byte, len(batch))
	for i, w := range batch {
		ids[i] = w.id
	}
	found := make(map[string]*shopv1.Product, len(batch))
	rows, err := b.pool.Query(ctx, manySQL, ids)
	if err == nil {
		for rows.Next() {
			var product *shopv1.Product
			if product, err = scanProduct(rows); err != nil {
				break
			}
			found[product.Id] = product
		}
		rows.Close()
		if err == nil {
			err = rows.Err()
		}
	}
	for _, w := range batch {
		switch product := found[formatUUID(w.id)]; {
		case err != nil:
			w.answer <- answer{nil, err}
		case product == nil:
			w.answer <- answer{nil, pgx.ErrNoRows}
		default:
			w.answer <- answer{product, nil}
		}
	}
}

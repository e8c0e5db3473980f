package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	shopv1 "storegate/bench/go_pgx/gen/shop/v1"
)

const columns = `id, name, short_description, description, price_cents, sizes, colors, images,
	category_slug, sales_count, metadata, create_time, update_time, delete_time, _version`

// scanProduct reads one row of `columns`.
func scanProduct(row pgx.Row) (*shopv1.Product, error) {
	var (
		p                         shopv1.Product
		id                        [16]byte
		images, metadata          []byte
		created, updated, deleted pgtype.Timestamptz
		version                   int64
	)
	err := row.Scan(&id, &p.Name, &p.ShortDescription, &p.Description, &p.PriceCents, &p.Sizes,
		&p.Colors, &images, &p.CategorySlug, &p.SalesCount, &metadata, &created, &updated, &deleted,
		&version)
	if err != nil {
		return nil, err
	}
	p.Id = formatUUID(id)
	if err := json.Unmarshal(images, &p.Images); err != nil {
		return nil, fmt.Errorf("images of %s: %w", p.Id, err)
	}
	if metadata != nil {
		var fields map[string]any
		if err := json.Unmarshal(metadata, &fields); err != nil {
			return nil, fmt.Errorf("metadata of %s: %w", p.Id, err)
		}
		if p.Metadata, err = structpb.NewStruct(fields); err != nil {
			return nil, fmt.Errorf("metadata of %s: %w", p.Id, err)
		}
	}
	p.CreateTime = timestamp(created)
	p.UpdateTime = timestamp(updated)
	p.DeleteTime = timestamp(deleted)
	p.Etag = formatEtag(version)
	return &p, nil
}

func timestamp(t pgtype.Timestamptz) *timestamppb.Timestamp {
	if !t.Valid {
		return nil
	}
	return timestamppb.New(t.Time)
}

func formatUUID(id [16]byte) string {
	var out [36]byte
	hex.Encode(out[0:8], id[0:4])
	hex.Encode(out[9:13], id[4:6])
	hex.Encode(out[14:18], id[6:8])
	hex.Encode(out[19:23], id[8:10])
	hex.Encode(out[24:36], id[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// parseUUID takes the canonical form only.
func parseUUID(text string) (id [16]byte, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	var digits [32]byte
	n := copy(digits[:], text[0:8])
	n += copy(digits[n:], text[9:13])
	n += copy(digits[n:], text[14:18])
	n += copy(digits[n:], text[19:23])
	copy(digits[n:], text[24:36])
	_, err := hex.Decode(id[:], digits[:])
	return id, err == nil
}

func formatEtag(version int64) string {
	var bytes [8]byte
	for i := range bytes {
		bytes[i] = byte(uint64(version) >> (56 - 8*i))
	}
	return hex.EncodeToString(bytes[:])
}

// nowMillis is the time in the precision that the column keeps for callers.
func nowMillis() time.Time { return time.Now().Truncate(time.Millisecond) }

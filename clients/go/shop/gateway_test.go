package shop_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	storegate "github.com/storegate/storegate/clients/go"
	"github.com/storegate/storegate/clients/go/storegatetest"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
)

// gateway is for all tests of this package, each of which begins with a Reset.
var gateway *storegatetest.Gateway

func TestMain(m *testing.M) {
	var err error
	if gateway, err = storegatetest.Launch(context.Background(), storegatetest.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := gateway.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// fill leaves one category, "shoes", in the gateway, and nothing else.
func fill(t *testing.T) *shopv1.Category {
	t.Helper()
	if err := gateway.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	categories := shopv1.NewCategoryStoreClient(connect(t, gateway.Target()))
	category, err := categories.CreateCategory(t.Context(), &shopv1.CreateCategoryRequest{
		Category: &shopv1.Category{Name: "Shoes", Slug: "shoes"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return category
}

func slugs(t *testing.T, target string) string {
	t.Helper()
	categories := shopv1.NewCategoryStoreClient(connect(t, target))
	var slugs []string
	for category, err := range storegate.Records(t.Context(), categories.ListCategories,
		&shopv1.ListCategoriesRequest{OrderBy: "slug"}, (*shopv1.ListCategoriesResponse).GetCategories) {
		if err != nil {
			t.Fatal(err)
		}
		slugs = append(slugs, category.Slug)
	}
	return strings.Join(slugs, " ")
}

// A gateway of a test's own: it is used, put back to its seed, and stopped.
func TestGatewayIsUsedResetAndStopped(t *testing.T) {
	seed := filepath.Join(t.TempDir(), "seed.jsonl")
	line := `{"entity": "Category", "record": {"name": "Hats", "slug": "hats"}}` + "\n"
	if err := os.WriteFile(seed, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	own := storegatetest.Start(t, storegatetest.Options{Seed: seed})
	if got := slugs(t, own.Target()); got != "hats" {
		t.Fatalf("seeded with %q", got)
	}
	categories := shopv1.NewCategoryStoreClient(connect(t, own.Target()))
	if _, err := categories.CreateCategory(t.Context(), &shopv1.CreateCategoryRequest{
		Category: &shopv1.Category{Name: "Socks", Slug: "socks"},
	}); err != nil {
		t.Fatal(err)
	}
	if got := slugs(t, own.Target()); got != "hats socks" {
		t.Fatalf("has %q", got)
	}
	if err := own.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := slugs(t, own.Target()); got != "hats" {
		t.Fatalf("after the reset has %q", got)
	}
	for range 2 {
		if err := own.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := categories.GetCategory(t.Context(), &shopv1.GetCategoryRequest{Slug: "hats"})
	if e := storegate.FromError(err); e == nil || e.Reason != "" || !e.Is(storegate.ErrUnavailable) {
		t.Errorf("after the stop: %v", err)
	}
}

const notes = `syntax = "proto3";
package notes.v1;
message Note { string id = 1; string title = 2; }
service NoteStore { rpc GetNote(GetNoteRequest) returns (Note); }
message GetNoteRequest { string id = 1; }
`

// Any schema is served; the shop is only what there is when none is named.
func TestGatewayOfAnotherSchema(t *testing.T) {
	protos := t.TempDir()
	if err := os.WriteFile(filepath.Join(protos, "notes.proto"), []byte(notes), 0o600); err != nil {
		t.Fatal(err)
	}
	own := storegatetest.Start(t, storegatetest.Options{Proto: protos})
	categories := shopv1.NewCategoryStoreClient(connect(t, own.Target()))
	_, err := categories.GetCategory(t.Context(), &shopv1.GetCategoryRequest{Slug: "hats"})
	if e := storegate.FromError(err); e == nil || !e.Is(storegate.ErrUnimplemented) {
		t.Errorf("the shop is there: %v", err)
	}
	// By the stub's wire format: a GetNoteRequest of an id.
	err = connect(t, own.Target()).Invoke(t.Context(), "/notes.v1.NoteStore/GetNote",
		&shopv1.GetProductRequest{Id: "x"}, &shopv1.Product{})
	if e := storegate.FromError(err); e == nil || e.Reason != "RECORD_NOT_FOUND" {
		t.Errorf("notes are not: %v", err)
	}
}

// Why there is no gateway is in the error, with what it logged.
func TestLaunchSaysWhatIsWrong(t *testing.T) {
	_, err := storegatetest.Launch(t.Context(), storegatetest.Options{Args: []string{"--no-such-flag"}})
	if err == nil || !strings.Contains(err.Error(), "--no-such-flag") {
		t.Errorf("says %v", err)
	}
	_, err = storegatetest.Launch(t.Context(), storegatetest.Options{Binary: "/nowhere/storegate"})
	if err == nil || !strings.Contains(err.Error(), "STOREGATE_BIN") {
		t.Errorf("says %v", err)
	}
}

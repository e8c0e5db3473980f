// A morning at the shop: what a client of storegate does, in the order in which one meets it.
// Every language's sample tells this story and prints the same.
package main

import (
	"context"
	"fmt"
	"os"

	storegate "github.com/storegate/storegate/clients/go"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sample HOST:PORT")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, target string) error {
	conn, err := storegate.Connect(target)
	if err != nil {
		return err
	}
	defer conn.Close()
	s := &story{
		categories: shopv1.NewCategoryStoreClient(conn),
		products:   shopv1.NewProductStoreClient(conn),
		orders:     shopv1.NewOrderStoreClient(conn),
		users:      shopv1.NewUserStoreClient(conn),
		tag:        tag(),
	}
	for _, chapter := range []func(context.Context) error{
		s.fillTheShelf, s.listTheShelf, s.changeAPrice, s.meetErrors, s.sell, s.lookBack, s.clean,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

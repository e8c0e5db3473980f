// A ProductStore in Go on pgx, as one writes it by hand: generated stubs, a
// pool, prepared statements, rows decoded into the generated struct.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"

	shopv1 "storegate/bench/go_pgx/gen/shop/v1"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:7700", "HOST:PORT to serve on")
	database := flag.String("database", "", "PostgreSQL to read from, URL or keywords")
	connections := flag.Int("connections", 16, "connections to it")
	batch := flag.Bool("batch", false, "put Gets that wait at the same time together")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	config, err := pgxpool.ParseConfig(*database)
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = int32(*connections)
	config.MinConns = config.MaxConns
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	store := &store{pool: pool}
	store.get = store.getOne
	if *batch {
		store.get = startBatcher(ctx, pool, *connections).get
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	shopv1.RegisterProductStoreServer(server, store)
	go func() {
		<-ctx.Done()
		server.Stop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

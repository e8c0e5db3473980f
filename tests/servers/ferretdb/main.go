// FerretDB v1 on SQLite, for tests: a server of MongoDB's protocol that has what
// mongo-java-server lacks, users (SCRAM-SHA-256), TLS, maxTimeMS and strict options.
//
//	ferretdb -data DIR [-listen ADDRESS] [-tls ADDRESS -cert FILE -key FILE] [-user NAME -password WORD]
//
// Without -user anybody may do everything; with it, who logs in. Runs until SIGTERM.
package main

import (
	"context"
	"flag"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	// FerretDB's package for programs that embed it has no users, so this is made of
	// what that package is made of. It is internal to FerretDB, and open to this
	// program because of how go.mod names it.
	"github.com/FerretDB/FerretDB/internal/clientconn"
	"github.com/FerretDB/FerretDB/internal/clientconn/connmetrics"
	"github.com/FerretDB/FerretDB/internal/handler/registry"
	"github.com/FerretDB/FerretDB/internal/util/password"
	"github.com/FerretDB/FerretDB/internal/util/state"
)

func main() {
	data := flag.String("data", "", "folder of the databases")
	listen := flag.String("listen", "", "address")
	tls := flag.String("tls", "", "address for TLS")
	cert := flag.String("cert", "", "file of the certificate, PEM")
	key := flag.String("key", "", "file of its key, PEM")
	user := flag.String("user", "", "user to make, of the database admin")
	word := flag.String("password", "", "the user's password")
	flag.Parse()
	if *data == "" || *listen == "" && *tls == "" {
		log.Fatal("-data, and -listen or -tls, are needed")
	}

	provider, err := state.NewProvider("")
	if err != nil {
		log.Fatal(err)
	}
	// It is not to report home.
	err = provider.Update(func(s *state.State) {
		s.DisableTelemetry()
		s.TelemetryLocked = true
	})
	if err != nil {
		log.Fatal(err)
	}
	metrics := connmetrics.NewListenerMetrics()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	options := &registry.NewHandlerOpts{
		Logger:        logger,
		ConnMetrics:   metrics.ConnMetrics,
		StateProvider: provider,
		TCPHost:       *listen,
		SQLiteURL:     "file:" + filepath.Clean(*data) + "/",
		TestOpts:      registry.TestOpts{CappedCleanupPercentage: 10, BatchSize: 100},
	}
	if *user != "" {
		options.EnableNewAuth = true
		options.SetupDatabase = "admin"
		options.SetupUsername = *user
		options.SetupPassword = password.WrapPassword(*word)
		options.SetupTimeout = 30 * time.Second
	}
	handler, closeBackend, err := registry.NewHandler("sqlite", options)
	if err != nil {
		log.Fatal(err)
	}
	defer closeBackend()
	listener, err := clientconn.Listen(&clientconn.NewListenerOpts{
		TCP:         *listen,
		TLS:         *tls,
		TLSCertFile: *cert,
		TLSKeyFile:  *key,
		Mode:        clientconn.NormalMode,
		Metrics:     metrics,
		Handler:     handler,
		Logger:      logger,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	listener.Run(ctx)
}

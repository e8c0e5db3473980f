// Package storegatetest gives a test suite a gateway of its own: `storegate serve --ephemeral`,
// with its records in memory, on a free port, gone with the tests.
package storegatetest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	storegate "github.com/storegate/storegate/clients/go"
)

// What starting and stopping may take on a machine that has much else to do.
const (
	startTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
)

// Options say what the gateway serves. The zero value: the shop, with no records.
type Options struct {
	// Binary is the gateway's program. Default: STOREGATE_BIN, else storegate on PATH.
	Binary string
	// Proto is a folder of .proto files, DescriptorSet a file of them compiled; of one of them
	// the stores are served.
	Proto, DescriptorSet string
	// Seed is a file of JSON lines {"entity": …, "record": …}: the records at the start and
	// after each Reset.
	Seed string
	// Args are further flags of `storegate serve`.
	Args []string
	// Log takes what the gateway logs. Default: a test's failure shows the end of it.
	Log io.Writer
}

// Gateway is one that runs. Its methods may be called by all goroutines.
type Gateway struct {
	target  string
	conn    *grpc.ClientConn
	process *exec.Cmd
	stdin   io.Closer
	log     *tail
	ended   chan struct{} // closed when the process has
	failure error         // of the process; read after ended
	stop    sync.Once
	stopped error
}

// Start starts a gateway for a test, which ends it, and which fails when there is none.
func Start(t testing.TB, options Options) *Gateway {
	t.Helper()
	gateway, err := Launch(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gateway.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() && options.Log == nil {
			t.Logf("the gateway's log:\n%s", gateway.log)
		}
	})
	return gateway
}

// Launch starts a gateway for what has no testing.TB, as TestMain, and returns when it serves. The
// caller calls Stop; a program that is killed before takes the gateway with it.
func Launch(ctx context.Context, options Options) (*Gateway, error) {
	binary := cmp.Or(options.Binary, os.Getenv("STOREGATE_BIN"), "storegate")
	g := &Gateway{
		process: exec.Command(binary, arguments(options)...),
		log:     &tail{},
		ended:   make(chan struct{}),
	}
	g.process.Stderr = g.log
	if options.Log != nil {
		g.process.Stderr = io.MultiWriter(options.Log, g.log)
	}
	// The gateway ends when this pipe closes, which the system does when this process is killed.
	var err error
	if g.stdin, err = g.process.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, stdoutWriter := io.Pipe()
	g.process.Stdout = stdoutWriter
	if err := g.process.Start(); err != nil {
		return nil, fmt.Errorf("start the gateway (set STOREGATE_BIN to its program): %w", err)
	}
	go func() {
		g.failure = g.process.Wait()
		stdoutWriter.Close()
		close(g.ended)
	}()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if g.target, err = listening(ctx, stdout); err == nil {
		g.conn, err = storegate.Connect(g.target)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s serve --ephemeral: %w\n%s", binary, err, g.log), g.Stop())
	}
	return g, nil
}

func arguments(o Options) []string {
	args := []string{"serve", "--ephemeral"}
	for _, flag := range [][2]string{
		{"--proto", o.Proto}, {"--descriptor-set", o.DescriptorSet}, {"--seed", o.Seed},
	} {
		if flag[1] != "" {
			args = append(args, flag[0], flag[1])
		}
	}
	return append(args, o.Args...)
}

// listening reads the address from the line by which the gateway says that it serves, and goes on
// reading, so that the gateway never waits for a reader.
func listening(ctx context.Context, stdout io.Reader) (string, error) {
	type result struct {
		listen string
		err    error
	}
	read := make(chan result, 1)
	go func() {
		lines := bufio.NewReader(stdout)
		line, err := lines.ReadBytes('\n')
		var said struct{ Listen string }
		if err != nil {
			err = errors.New("ended before it served")
		} else if err = json.Unmarshal(line, &said); err != nil {
			err = fmt.Errorf("said %q: %w", line, err)
		}
		read <- result{said.Listen, err}
		io.Copy(io.Discard, lines)
	}()
	select {
	case r := <-read:
		return r.listen, r.err
	case <-ctx.Done():
		return "", fmt.Errorf("did not serve: %w", ctx.Err())
	}
}

// Target is the gateway's address, for storegate.Connect.
func (g *Gateway) Target() string { return g.target }

// Reset puts all records back to the seed, or to none.
func (g *Gateway) Reset(ctx context.Context) error {
	return g.conn.Invoke(ctx, "/storegate.v1.Testing/Reset", &emptypb.Empty{}, &emptypb.Empty{})
}

// Stop ends the gateway and waits until it has ended. It may be called again, and then says the
// same. Start calls it.
func (g *Gateway) Stop() error {
	g.stop.Do(func() {
		if g.conn != nil {
			g.conn.Close()
		}
		g.stdin.Close()
		select {
		case <-g.ended:
			if g.failure != nil {
				g.stopped = fmt.Errorf("the gateway: %w", g.failure)
			}
		case <-time.After(stopTimeout):
			g.process.Process.Kill()
			<-g.ended
			g.stopped = fmt.Errorf("the gateway did not end within %s", stopTimeout)
		}
	})
	return g.stopped
}

package storegate

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
)

// How often a stream is opened again without a message in between, and how long it waits before.
const (
	streamAttempts   = 4
	streamBackoff    = 100 * time.Millisecond
	streamBackoffMax = 2 * time.Second
)

// StreamCall is a Stream method of a stub.
type StreamCall[Request PageRequest, Message any] = func(
	context.Context, Request, ...grpc.CallOption) (grpc.ServerStreamingClient[Message], error)

// Stream iterates over the messages of a stream. When it breaks off because the gateway is
// unavailable it goes on behind the last message, so that none is lost and none comes twice; it
// gives up after four attempts in a row that brought none. An error is yielded last. The request
// is not changed, and each range begins anew; one that is left early ends the call.
//
//	for message, err := range storegate.Stream(ctx, orders.StreamOrders, request) {
func Stream[Request PageRequest, Message any, Pointer interface {
	*Message
	Page
}](ctx context.Context, call StreamCall[Request, Message], request Request,
	options ...grpc.CallOption,
) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		request, last := request, false
		for failures := 0; ; {
			stream, err := call(ctx, request, options...)
			for err == nil {
				var message *Message
				if message, err = stream.Recv(); err != nil {
					break
				}
				failures = 0
				if !yield(message, nil) {
					return
				}
				token := Pointer(message).GetNextPageToken()
				if last = token == ""; !last {
					request = behind(request, token)
				}
			}
			// Behind the last message there is nothing to go on with, however the call ended.
			if err == io.EOF || last {
				return
			}
			failures++
			if !errors.Is(FromError(err), ErrUnavailable) || failures == streamAttempts {
				yield(nil, err)
				return
			}
			if err := pause(ctx, failures); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// pause waits before an attempt, longer after each failure, and not the same time in every client.
func pause(ctx context.Context, failures int) error {
	wait := min(streamBackoff<<(failures-1), streamBackoffMax)
	timer := time.NewTimer(time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return FromError(ctx.Err())
	case <-timer.C:
		return nil
	}
}

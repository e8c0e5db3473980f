package storegate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	storegate "github.com/storegate/storegate/clients/go"
)

func withDetails(t *testing.T, code codes.Code, details ...protoadapt.MessageV1) *status.Status {
	t.Helper()
	s, err := status.New(code, "what happened").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// All that the details say is in the error.
func TestFromErrorReadsDetails(t *testing.T) {
	s := withDetails(t, codes.ResourceExhausted,
		&errdetails.ErrorInfo{Reason: "QUEUE_FULL", Domain: "storegate", Metadata: map[string]string{"limit": "10"}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "b", Description: "is wrong"}, {Field: "a", Description: "too"},
		}},
		&errdetails.DebugInfo{Detail: "is not for callers"})
	e := storegate.FromError(fmt.Errorf("while reading: %w", s.Err()))
	if e.Code != codes.ResourceExhausted || e.Reason != "QUEUE_FULL" || e.Domain != "storegate" ||
		e.Metadata["limit"] != "10" || e.RetryDelay != 1500*time.Millisecond {
		t.Errorf("read %+v", e)
	}
	want := []storegate.Violation{{Field: "b", Description: "is wrong"}, {Field: "a", Description: "too"}}
	if !reflect.DeepEqual(e.Violations, want) {
		t.Errorf("violations are %v", e.Violations)
	}
	if status.Code(e) != codes.ResourceExhausted {
		t.Errorf("gRPC reads it as %s", status.Code(e))
	}
}

func TestFromErrorWithoutDetails(t *testing.T) {
	e := storegate.FromError(status.Error(codes.Unavailable, "nobody there"))
	if e.Code != codes.Unavailable || e.Message != "nobody there" || e.Reason != "" || e.Violations != nil {
		t.Errorf("read %+v", e)
	}
	if e.Error() != "UNAVAILABLE: nobody there" {
		t.Errorf("says %q", e)
	}
	if storegate.FromError(nil) != nil {
		t.Error("nil became an error")
	}
}

// What is no status: a context that has ended, and anything else.
func TestFromErrorOfOthers(t *testing.T) {
	for err, kind := range map[error]storegate.Kind{
		context.Canceled:         storegate.ErrCanceled,
		context.DeadlineExceeded: storegate.ErrDeadlineExceeded,
		io.ErrUnexpectedEOF:      storegate.ErrUnknown,
	} {
		if e := storegate.FromError(err); !errors.Is(e, kind) {
			t.Errorf("%v is read as %v", err, e)
		}
	}
}

// Each code has one kind, which says its canonical name.
func TestKinds(t *testing.T) {
	kinds := map[storegate.Kind]string{
		storegate.ErrCanceled: "CANCELLED", storegate.ErrUnknown: "UNKNOWN",
		storegate.ErrInvalidArgument: "INVALID_ARGUMENT", storegate.ErrDeadlineExceeded: "DEADLINE_EXCEEDED",
		storegate.ErrNotFound: "NOT_FOUND", storegate.ErrAlreadyExists: "ALREADY_EXISTS",
		storegate.ErrPermissionDenied: "PERMISSION_DENIED", storegate.ErrResourceExhausted: "RESOURCE_EXHAUSTED",
		storegate.ErrFailedPrecondition: "FAILED_PRECONDITION", storegate.ErrConflict: "ABORTED",
		storegate.ErrOutOfRange: "OUT_OF_RANGE", storegate.ErrUnimplemented: "UNIMPLEMENTED",
		storegate.ErrInternal: "INTERNAL", storegate.ErrUnavailable: "UNAVAILABLE",
		storegate.ErrDataLoss: "DATA_LOSS", storegate.ErrUnauthenticated: "UNAUTHENTICATED",
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		var e error = storegate.FromError(status.Error(code, "x"))
		for kind, name := range kinds {
			if errors.Is(e, kind) != (codes.Code(kind) == code) {
				t.Errorf("errors.Is(%v, %v) is %t", e, kind, errors.Is(e, kind))
			}
			if kind.Error() != name {
				t.Errorf("%d is called %s, not %s", kind, kind, name)
			}
		}
	}
}

// A batch with allow_partial carries statuses in its response.
func TestFromStatus(t *testing.T) {
	s := withDetails(t, codes.AlreadyExists, &errdetails.ErrorInfo{Reason: "UNIQUE_VIOLATION"})
	if e := storegate.FromStatus(s.Proto()); !errors.Is(e, storegate.ErrAlreadyExists) || e.Reason != "UNIQUE_VIOLATION" {
		t.Errorf("read %+v", e)
	}
	if storegate.FromStatus(status.New(codes.OK, "").Proto()) != nil {
		t.Error("OK became an error")
	}
}

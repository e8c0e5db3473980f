package storegate

import (
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Kind is a status code as an error to compare with: errors.Is(err, storegate.ErrNotFound).
type Kind codes.Code

// What a call can end with. Which reasons come with each is in the gateway's reference.
const (
	ErrCanceled           = Kind(codes.Canceled)
	ErrUnknown            = Kind(codes.Unknown) // a write may have been done: read first
	ErrInvalidArgument    = Kind(codes.InvalidArgument)
	ErrDeadlineExceeded   = Kind(codes.DeadlineExceeded)
	ErrNotFound           = Kind(codes.NotFound)
	ErrAlreadyExists      = Kind(codes.AlreadyExists)
	ErrPermissionDenied   = Kind(codes.PermissionDenied)
	ErrResourceExhausted  = Kind(codes.ResourceExhausted)
	ErrFailedPrecondition = Kind(codes.FailedPrecondition)
	ErrConflict           = Kind(codes.Aborted) // read the record again, then decide
	ErrOutOfRange         = Kind(codes.OutOfRange)
	ErrUnimplemented      = Kind(codes.Unimplemented)
	ErrInternal           = Kind(codes.Internal)
	ErrUnavailable        = Kind(codes.Unavailable) // later; a write may have been done
	ErrDataLoss           = Kind(codes.DataLoss)
	ErrUnauthenticated    = Kind(codes.Unauthenticated)
)

// Error is the code's canonical name, as in "NOT_FOUND".
func (k Kind) Error() string { return code.Code(k).String() }

// Violation is one thing that is wrong with a request.
type Violation struct {
	Field       string // the way to it from the request: "product.name"
	Description string
}

// Error is what a call failed with. Reason and Domain are empty and the rest is unset where
// the answer had no details, as when there was no gateway to give one.
type Error struct {
	Code       codes.Code
	Message    string
	Reason     string            // which of the errors with this code: "ETAG_MISMATCH"
	Domain     string            // who says so: "storegate"
	Metadata   map[string]string // what the reason is about
	Violations []Violation       // of a bad request, in the order of its fields
	RetryDelay time.Duration     // after which the gateway expects to do better

	status *status.Status
}

func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%s: %s", Kind(e.Code), e.Message)
	}
	return fmt.Sprintf("%s (%s): %s", Kind(e.Code), e.Reason, e.Message)
}

// Is tells whether the error is of a Kind, for errors.Is.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && codes.Code(kind) == e.Code
}

// GRPCStatus lets status.FromError and status.Code read the error too.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// FromError reads any error of a gRPC call, for connections that Connect did not make. It answers
// nil for nil. An error that is neither a status nor a context's has the code UNKNOWN.
func FromError(err error) *Error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	return fromStatus(s)
}

// FromStatus reads a status that came within a response, as in failed_requests of a batch. It
// answers nil for OK.
func FromStatus(proto *rpcstatus.Status) *Error {
	if proto.GetCode() == int32(codes.OK) {
		return nil
	}
	return fromStatus(status.FromProto(proto))
}

func fromStatus(s *status.Status) *Error {
	e := &Error{Code: s.Code(), Message: s.Message(), status: s}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Domain, e.Metadata = detail.Reason, detail.Domain, detail.Metadata
		case *errdetails.BadRequest:
			for _, v := range detail.FieldViolations {
				e.Violations = append(e.Violations, Violation{v.Field, v.Description})
			}
		case *errdetails.RetryInfo:
			e.RetryDelay = detail.GetRetryDelay().AsDuration()
		}
	}
	return e
}

// typed makes an *Error of what gRPC returned. A stream's end is no error.
func typed(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return FromError(err)
}

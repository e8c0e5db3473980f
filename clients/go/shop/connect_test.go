package shop_test

import (
	"context"
	"errors"
	"testing"
	"time"

	storegate "github.com/storegate/storegate/clients/go"
	shopv1 "github.com/storegate/storegate/gen/shop/v1"
	"google.golang.org/grpc/codes"
)

const unavailable = codes.Unavailable

func TestReadIsRetried(t *testing.T) {
	f := &fake{failures: []codes.Code{unavailable, unavailable, unavailable}}
	products := f.serve(t)
	if _, err := products.GetProduct(t.Context(), &shopv1.GetProductRequest{}); err != nil {
		t.Error(err)
	}
	if f.count("GetProduct") != 4 {
		t.Errorf("asked %d times", f.count("GetProduct"))
	}
}

func TestReadIsGivenUpAfterFourAttempts(t *testing.T) {
	f := &fake{failures: []codes.Code{unavailable, unavailable, unavailable, unavailable, unavailable}}
	products := f.serve(t)
	_, err := products.GetProduct(t.Context(), &shopv1.GetProductRequest{})
	if !errors.Is(err, storegate.ErrUnavailable) || f.count("GetProduct") != 4 {
		t.Errorf("%v after %d attempts", err, f.count("GetProduct"))
	}
}

// Who wrote must look first: the write may have been done.
func TestWriteIsNotRetried(t *testing.T) {
	f := &fake{failures: []codes.Code{unavailable}}
	products := f.serve(t)
	_, err := products.CreateProduct(t.Context(), &shopv1.CreateProductRequest{})
	if !errors.Is(err, storegate.ErrUnavailable) || f.count("CreateProduct") != 1 {
		t.Errorf("%v after %d attempts", err, f.count("CreateProduct"))
	}
}

func TestOtherErrorsAreNotRetried(t *testing.T) {
	for _, code := range []codes.Code{codes.NotFound, codes.Aborted, codes.Internal, codes.Unknown} {
		f := &fake{failures: []codes.Code{code}}
		products := f.serve(t)
		_, err := products.GetProduct(t.Context(), &shopv1.GetProductRequest{})
		if !errors.Is(err, storegate.Kind(code)) || f.count("GetProduct") != 1 {
			t.Errorf("%v after %d attempts", err, f.count("GetProduct"))
		}
	}
}

// Services can be named; then others' reads are not retried.
func TestWithServices(t *testing.T) {
	f := &fake{failures: []codes.Code{unavailable}}
	users := shopv1.File_shop_v1_user_store_proto.Services().ByName("UserStore")
	products := f.serve(t, storegate.WithServices(users))
	_, err := products.GetProduct(t.Context(), &shopv1.GetProductRequest{})
	if !errors.Is(err, storegate.ErrUnavailable) || f.count("GetProduct") != 1 {
		t.Errorf("%v after %d attempts", err, f.count("GetProduct"))
	}
}

// deadline is that of the last call, as the server saw it.
func (f *fake) deadline() (time.Time, bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.contexts[len(f.contexts)-1].Deadline()
}

func TestUnaryCallsHaveADeadline(t *testing.T) {
	f := &fake{}
	products := f.serve(t)
	if _, err := products.GetProduct(t.Context(), &shopv1.GetProductRequest{}); err != nil {
		t.Fatal(err)
	}
	if deadline, ok := f.deadline(); !ok || time.Until(deadline) > 2*storegate.DefaultTimeout {
		t.Errorf("deadline %v, %t", deadline, ok)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := products.GetProduct(ctx, &shopv1.GetProductRequest{}); err != nil {
		t.Fatal(err)
	}
	if deadline, ok := f.deadline(); !ok || time.Until(deadline) < 10*storegate.DefaultTimeout {
		t.Errorf("the caller's deadline became %v, %t", deadline, ok)
	}
}

func TestStreamsHaveNoDeadline(t *testing.T) {
	f := &fake{products: 2}
	products := f.serve(t)
	if ids, err := streamed(t, products); err != nil || len(ids) != 2 {
		t.Fatal(ids, err)
	}
	if deadline, ok := f.deadline(); ok {
		t.Errorf("deadline %v", deadline)
	}
}

func TestWithTimeout(t *testing.T) {
	f := &fake{}
	products := f.serve(t, storegate.WithTimeout(0))
	if _, err := products.GetProduct(t.Context(), &shopv1.GetProductRequest{}); err != nil {
		t.Fatal(err)
	}
	if deadline, ok := f.deadline(); ok {
		t.Errorf("deadline %v", deadline)
	}

	hanging := &fake{hang: true}
	products = hanging.serve(t, storegate.WithTimeout(50*time.Millisecond))
	_, err := products.CreateProduct(t.Context(), &shopv1.CreateProductRequest{})
	if !errors.Is(err, storegate.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

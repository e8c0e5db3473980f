package storegate

import (
	"context"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A PageRequest is the request of a List or of a Stream.
type PageRequest interface {
	proto.Message
	GetPageToken() string
}

// A Page is the response of a List, or a message of a Stream.
type Page interface {
	proto.Message
	GetNextPageToken() string
}

// ListCall is a List method of a stub.
type ListCall[Request PageRequest, Response Page] = func(
	context.Context, Request, ...grpc.CallOption) (Response, error)

// Pages iterates over the responses of all pages, from the one that the request asks for. An error
// is yielded last. The request is not changed, and each range begins anew.
//
//	for page, err := range storegate.Pages(ctx, products.ListProducts, request) {
func Pages[Request PageRequest, Response Page](ctx context.Context,
	call ListCall[Request, Response], request Request, options ...grpc.CallOption,
) iter.Seq2[Response, error] {
	return func(yield func(Response, error) bool) {
		request := request
		for {
			page, err := call(ctx, request, options...)
			if err != nil {
				var none Response
				yield(none, err)
				return
			}
			if !yield(page, nil) || page.GetNextPageToken() == "" {
				return
			}
			request = behind(request, page.GetNextPageToken())
		}
	}
}

// Records iterates over the records of all pages; the last argument but for options is the method
// by which a response gives its records. An error is yielded last.
//
//	for product, err := range storegate.Records(ctx, products.ListProducts, request,
//		(*shopv1.ListProductsResponse).GetProducts) {
func Records[Request PageRequest, Response Page, Record any](ctx context.Context,
	call ListCall[Request, Response], request Request, records func(Response) []Record,
	options ...grpc.CallOption,
) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for page, err := range Pages(ctx, call, request, options...) {
			if err != nil {
				var none Record
				yield(none, err)
				return
			}
			for _, record := range records(page) {
				if !yield(record, nil) {
					return
				}
			}
		}
	}
}

// behind is the request that goes on behind a page. What else says where to begin goes, for the
// gateway does not take two of them.
func behind[Request PageRequest](request Request, token string) Request {
	next := proto.Clone(request).(Request)
	message := next.ProtoReflect()
	fields := message.Descriptor().Fields()
	for _, name := range []string{"skip", "page"} {
		if field := fields.ByTextName(name); field != nil {
			message.Clear(field)
		}
	}
	message.Set(fields.ByTextName("page_token"), protoreflect.ValueOfString(token))
	return next
}

package storegate

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// ServiceConfig is the gRPC service config by which Connect retries the reads of services, for
// connections that are made otherwise. Writes are not in it: UNAVAILABLE may mean that one was
// done and only its answer got lost.
func ServiceConfig(services ...protoreflect.ServiceDescriptor) string {
	type name struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	}
	type policy struct {
		MaxAttempts          int      `json:"maxAttempts"`
		InitialBackoff       string   `json:"initialBackoff"`
		MaxBackoff           string   `json:"maxBackoff"`
		BackoffMultiplier    float64  `json:"backoffMultiplier"`
		RetryableStatusCodes []string `json:"retryableStatusCodes"`
	}
	type methodConfig struct {
		Name        []name `json:"name"`
		RetryPolicy policy `json:"retryPolicy"`
	}
	var names []name
	for _, service := range services {
		for i := range service.Methods().Len() {
			if method := service.Methods().Get(i); repeatable(method) {
				names = append(names, name{string(service.FullName()), string(method.Name())})
			}
		}
	}
	config := struct {
		MethodConfig []methodConfig `json:"methodConfig,omitempty"`
	}{}
	if len(names) > 0 {
		config.MethodConfig = []methodConfig{{names, policy{4, "0.1s", "2s", 2, []string{"UNAVAILABLE"}}}}
	}
	text, err := json.Marshal(config)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return string(text)
}

// repeatable tells whether a call can be made twice without having an effect twice: by the names
// that google.aip.dev/130 gives to reads, or by what the method says of itself.
func repeatable(method protoreflect.MethodDescriptor) bool {
	if method.IsStreamingClient() {
		return false
	}
	options, _ := method.Options().(*descriptorpb.MethodOptions)
	if options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS {
		return true
	}
	for _, verb := range []string{"Get", "BatchGet", "List", "Stream"} {
		rest, found := strings.CutPrefix(string(method.Name()), verb)
		// "Listen" is not a List.
		if next, _ := utf8.DecodeRuneInString(rest); found && !unicode.IsLower(next) {
			return true
		}
	}
	return false
}

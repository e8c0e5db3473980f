package storegate_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	storegate "github.com/storegate/storegate/clients/go"
)

// service is one with a method of each name, not from a stub.
func service(t *testing.T, methods ...*descriptorpb.MethodDescriptorProto) protoreflect.ServiceDescriptor {
	t.Helper()
	for _, method := range methods {
		method.InputType, method.OutputType = proto.String(".t.M"), proto.String(".t.M")
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("t.proto"), Package: proto.String("t"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
		Service:     []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: methods}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().Get(0)
}

func named(name string) *descriptorpb.MethodDescriptorProto {
	return &descriptorpb.MethodDescriptorProto{Name: proto.String(name)}
}

// Only calls that are safe to repeat are retried, and all of those.
func TestServiceConfigNamesReads(t *testing.T) {
	search, forget, upload := named("Search"), named("Forget"), named("GetAll")
	level := descriptorpb.MethodOptions_NO_SIDE_EFFECTS.Enum()
	search.Options = &descriptorpb.MethodOptions{IdempotencyLevel: level}
	// Idempotent is not enough: a delete that was done and is repeated finds nothing.
	level = descriptorpb.MethodOptions_IDEMPOTENT.Enum()
	forget.Options = &descriptorpb.MethodOptions{IdempotencyLevel: level}
	upload.ClientStreaming = proto.Bool(true)

	var config struct {
		MethodConfig []struct {
			Name        []struct{ Service, Method string }
			RetryPolicy map[string]any
		}
	}
	text := storegate.ServiceConfig(service(t, named("GetThing"), named("BatchGetThings"),
		named("ListThings"), named("StreamThings"), named("CreateThing"), named("BatchCreateThings"),
		named("UpdateThing"), named("DeleteThing"), named("PurgeThing"), named("Listen"),
		named("Getaway"), search, forget, upload))
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	var methods []string
	for _, name := range config.MethodConfig[0].Name {
		methods = append(methods, name.Service+"/"+name.Method)
	}
	want := []string{"t.S/GetThing", "t.S/BatchGetThings", "t.S/ListThings", "t.S/StreamThings", "t.S/Search"}
	if !reflect.DeepEqual(methods, want) {
		t.Errorf("retried are %v", methods)
	}
	policy := map[string]any{
		"maxAttempts": 4.0, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2.0,
		"retryableStatusCodes": []any{"UNAVAILABLE"},
	}
	if got := config.MethodConfig[0].RetryPolicy; len(config.MethodConfig) != 1 || !reflect.DeepEqual(got, policy) {
		t.Errorf("the policy is %v", got)
	}
}

func TestServiceConfigOfNoReads(t *testing.T) {
	if text := storegate.ServiceConfig(service(t, named("CreateThing"))); text != "{}" {
		t.Errorf("is %s", text)
	}
}

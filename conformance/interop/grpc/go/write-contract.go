// Command write-contract writes the contract of gRPC's interop tests, grpc/testing/test.proto and what it imports,
// to the file that its argument names: as an encoded google.protobuf.FileDescriptorSet.
package main

import (
	"log"
	"os"

	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	add(set, grpc_testing.File_grpc_testing_test_proto)
	encoded, err := proto.Marshal(set)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], encoded, 0o644); err != nil {
		log.Fatal(err)
	}
}

// add adds a file after those that it imports, none of which is imported twice.
func add(set *descriptorpb.FileDescriptorSet, file protoreflect.FileDescriptor) {
	for i := range file.Imports().Len() {
		add(set, file.Imports().Get(i).FileDescriptor)
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
}

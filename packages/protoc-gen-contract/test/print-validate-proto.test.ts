/** Is the validate.proto that contracts import the one that @bufbuild/protovalidate has inside? */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate as original } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { expect, test } from "@jest/globals";
import { BufWorkspace } from "./buf-workspace.ts";

test("what is printed compiles to the same bytes", async () => {
  await using workspace = await BufWorkspace.create();
  const path = ".protos/buf/validate/validate.proto";
  const flags = ["--path", path, "--exclude-imports", "--exclude-source-info"];
  await workspace.mustRun("buf", "build", ".protos", ...flags, "--output", "image.binpb");
  const image = await readFile(join(workspace.path, "image.binpb"));
  const { file: files } = fromBinary(FileDescriptorSetSchema, image);
  expect(files.map(({ name }) => name)).toEqual([original.proto.name]);
  expect(files.map(encode)).toEqual([encode(original.proto)]);
});

/** Without the extension that Buf adds to each file of an image. */
function encode(file: FileDescriptorProto): Buffer {
  // Not `writeUnknownFields: false`, which would leave out the options that are extensions, too.
  const known = { ...file };
  delete known.$unknown;
  return Buffer.from(toBinary(FileDescriptorProtoSchema, known));
}

#!/usr/bin/env node
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type CodeGeneratorResponse,
  CodeGeneratorResponseSchema,
} from "@bufbuild/protobuf/wkt";
import { generate } from "./plugin.ts";
import { PluginOptionError } from "./plugin-options.ts";
import { printValidateProto } from "./print-validate-proto.ts";

const [command, folder, ...rest] = process.argv.slice(2);
if (command === undefined) {
  const request = fromBinary(CodeGeneratorRequestSchema, await buffer(process.stdin));
  process.stdout.write(toBinary(CodeGeneratorResponseSchema, answer(request)));
} else if (command === "protos" && folder !== undefined && rest.length === 0) {
  writeProtos(folder);
} else {
  process.stderr.write(
    "protoc-gen-contract is run by buf, which gives it its request on the standard input.\n" +
      "By hand: protoc-gen-contract protos FOLDER\n" +
      "  writes the .proto files that contracts import into a folder, which buf.yaml names as a module.\n",
  );
  process.exitCode = 2;
}

/** What the contract or buf.gen.yaml has wrong is told to buf; all else is a defect, with its stack. */
function answer(request: CodeGeneratorRequest): CodeGeneratorResponse {
  try {
    return generate(request);
  } catch (error) {
    if (!(error instanceof PluginOptionError)) throw error;
    return create(CodeGeneratorResponseSchema, { error: error.message });
  }
}

/** Writes buf/validate/validate.proto and org/contract/v1/options.proto. */
function writeProtos(target: string): void {
  const validate = join(target, "buf/validate/validate.proto");
  mkdirSync(dirname(validate), { recursive: true });
  writeFileSync(validate, printValidateProto());
  const options = "org/contract/v1/options.proto";
  mkdirSync(dirname(join(target, options)), { recursive: true });
  copyFileSync(new URL(`../proto/${options}`, import.meta.url), join(target, options));
}

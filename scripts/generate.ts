/**
 * Generates everything that follows from the .proto files: TypeScript into the `src/gen` folders,
 * and the descriptor images. Does nothing where nothing changed since the last time.
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { mustRun, root } from "./run.ts";

const contractsGen = "packages/contracts/src/gen";
const kitGen = "packages/kit/src/gen";
const pluginTest = "packages/protoc-gen-contract/test";
const validateProto = "node_modules/.protovalidate/buf/validate/validate.proto";
const stampFile = `${contractsGen}/.stamp`;

/** Brings all generated files up to date. Resolves to whether there was anything to do. */
export async function generate(): Promise<boolean> {
  const stamp = inputsHash();
  const needed = [validateProto, `${kitGen}/descriptor.ts`];
  const complete = needed.every((file) => existsSync(join(root, file)));
  if (complete && (await readFile(join(root, stampFile), "utf8").catch(() => "")) === stamp) {
    return false;
  }

  // Here, because it loads protovalidate, and mostly there is nothing to do.
  const { printValidateProto } = await import("@org/protoc-gen-contract/validate-proto");
  const scratch = join(root, "node_modules/.cache/generate");
  await mkdir(scratch, { recursive: true });
  await mkdir(join(root, validateProto, ".."), { recursive: true });
  await writeFile(join(root, validateProto), printValidateProto());
  // With comments, for tools; the image that services hold in memory goes without.
  const image = join(scratch, "image.binpb");
  await Promise.all([
    mustRun("buf", ["generate"]),
    mustRun("buf", ["generate", "--template", "packages/kit/buf.gen.yaml"]),
    mustRun("buf", ["generate", "--template", "packages/kit/test/buf.gen.yaml"]),
    mustRun("buf", ["generate", "--template", "packages/protoc-gen-contract/buf.gen.yaml"]),
    mustRun("buf", ["build", "proto", "-o", image]),
  ]);
  await Promise.all([
    copyFile(image, join(root, contractsGen, "image.binpb")),
    mustRun("buf", ["build", `${pluginTest}/proto`, "-o", `${pluginTest}/gen/image.binpb`]),
    mustRun("buf", [
      "build",
      "proto",
      "--exclude-source-info",
      "-o",
      join(scratch, "c.binpb"),
    ]).then(() => writeDescriptor(join(scratch, "c.binpb"), contractsGen, "the contract")),
    buildProtocolImage(scratch).then((file) =>
      writeDescriptor(file, kitGen, "gRPC's own reflection and health services"),
    ),
  ]);
  await rm(scratch, { recursive: true });
  await writeFile(join(root, stampFile), stamp);
  return true;
}

/** Builds one image of the services that every server has besides its own. */
async function buildProtocolImage(scratch: string): Promise<string> {
  const parts = [
    {
      input: "node_modules/@grpc/reflection/build/proto",
      path: ["--path", "node_modules/@grpc/reflection/build/proto/grpc"],
    },
    { input: "node_modules/grpc-health-check/proto", path: [] },
  ];
  const files = await Promise.all(
    parts.map(async ({ input, path }, index) => {
      const out = join(scratch, `k${index}.binpb`);
      await mustRun("buf", ["build", input, ...path, "--exclude-source-info", "-o", out]);
      return readFile(out);
    }),
  );
  const merged = join(scratch, "k.binpb");
  // Concatenated messages of one type are that type merged (protobuf encoding specification).
  await writeFile(merged, Buffer.concat(files));
  return merged;
}

/** Writes an image as a module, so that it survives bundling and both module systems. */
async function writeDescriptor(image: string, folder: string, of: string): Promise<void> {
  const base64 = (await readFile(image)).toString("base64");
  await writeFile(
    join(root, folder, "descriptor.ts"),
    `/** The google.protobuf.FileDescriptorSet of ${of}, encoded, its imports included, without comments. */
export const descriptorSet: Uint8Array = Buffer.from(
  "${base64}",
  "base64",
);
`,
  );
}

function inputsHash(): string {
  const hash = createHash("sha256");
  const inputs = [
    ...globSync(
      [
        "proto/**/*.proto",
        "packages/protoc-gen-contract/{src,test/proto}/**/*.{ts,proto}",
        "packages/kit/test/proto/**/*.proto",
        "{.,packages/*,packages/kit/test}/buf{,.gen}.yaml",
      ],
      { cwd: root },
    ).toSorted(),
    ...["pnpm-lock.yaml", "scripts/generate.ts"],
  ];
  for (const file of inputs) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

/** Generates, or says what is wrong with the contract and ends the process. */
export async function generateOrExit(): Promise<void> {
  try {
    await generate();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // What Buf says of the other plugins, which it ends together with the one that failed.
    const lines = message
      .split("\n")
      .filter((line) => !/context canceled|signal: killed/.test(line));
    console.error(lines.join("\n"));
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await generateOrExit();

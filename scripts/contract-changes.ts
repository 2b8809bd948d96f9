/** What the tests of the comparison of policies and rules have in common. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { beforeAll, expect, test } from "@jest/globals";
import type { Finding } from "./contract-finding.ts";
import { comparePolicies } from "./contract-policy.ts";
import { mustRun, root } from "./run.ts";

/** A change of a contract, and the findings that it must make: rules, with elements of its package. */
export interface Change {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly findings: readonly string[];
}

/** A change of a request and of what is beside it in its file. */
export function request(
  name: string,
  before: string,
  after: string,
  ...findings: readonly string[]
): Change {
  const file = (messages: string): string =>
    `${messages} message Response {} service Service { rpc Call(Request) returns (Response); }`;
  return { name, before: file(before), after: file(after), findings };
}

/**
 * Makes each change a test. They are built together, once; the result is the findings about one of
 * them, by its name, for tests that look closer.
 */
export function testChanges(changes: readonly Change[]): (name: string) => Finding[] {
  let findings: readonly Finding[];
  const about = (change: Change | undefined): { own: string; found: Finding[] } => {
    const own = change === undefined ? "?" : `p${changes.indexOf(change)}.`;
    return { own, found: findings.filter(({ element }) => element.startsWith(own)) };
  };
  beforeAll(async () => {
    const [base, current] = await Promise.all([
      build(changes.map(({ before }) => before)),
      build(changes.map(({ after }) => after)),
    ]);
    ({ findings } = comparePolicies(base, current));
  });
  test.each(changes)("$name", (change) => {
    const { own, found } = about(change);
    expect(found.map(({ rule, element }) => `${rule} ${element.slice(own.length)}`)).toEqual(
      change.findings,
    );
  });
  return (name) => about(changes.find((change) => change.name === name)).found;
}

/** Builds one file of each text, with a package of its own: `p0`, `p1`, … */
function build(texts: readonly string[]): Promise<FileRegistry> {
  const imports = ["buf/validate/validate", "org/contract/v1/options"].concat(
    ["any", "duration", "field_mask", "timestamp", "wrappers"].map(
      (each) => `google/protobuf/${each}`,
    ),
  );
  const head = imports.map((each) => `import "${each}.proto";`).join("\n");
  return buildFiles(
    Object.fromEntries(
      texts.map((text, index) => [
        `p${index}.proto`,
        `syntax = "proto3";\npackage p${index};\n${head}\n${text}\n`,
      ]),
    ),
  );
}

/** Builds .proto files, which can import our options and protovalidate's rules. */
export async function buildFiles(files: Readonly<Record<string, string>>): Promise<FileRegistry> {
  const workspace = await mkdtemp(join(tmpdir(), "contract-changes-"));
  await mkdir(join(workspace, "proto"), { recursive: true });
  await symlink(join(root, "node_modules"), join(workspace, "node_modules"));
  await symlink(join(root, "proto"), join(workspace, "contract"));
  const modules = [
    "- path: proto",
    "- path: contract\n    includes: [contract/org/contract]",
    "- path: node_modules/google-proto-files\n    includes: [node_modules/google-proto-files/google/rpc]",
    "- path: node_modules/.protovalidate",
  ];
  await writeFile(
    join(workspace, "buf.yaml"),
    `version: v2\nmodules:\n  ${modules.join("\n  ")}\n`,
  );
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(workspace, "proto", name), text);
  }
  const image = join(workspace, "image.binpb");
  await mustRun("buf", ["build", "proto", "-o", image], { cwd: workspace });
  const set = fromBinary(FileDescriptorSetSchema, await readFile(image));
  await rm(workspace, { recursive: true });
  return createFileRegistry(set);
}

import { expect } from "@jest/globals";
import type { BufWorkspace } from "./buf-workspace.ts";

/** A contract that must not generate. */
export interface WrongContract {
  /** What is in the file, after its imports. */
  readonly proto: string;
  /** `proto3` by default. */
  readonly syntax?: string;
  /** How each line begins that the plugin says of it: `Service.Method: rule: problem`. */
  readonly problems: readonly string[];
}

/** A contract with a file and a package of its own. */
export interface WrongFile extends WrongContract {
  readonly title: string;
  readonly file: string;
  readonly package: string;
}

/** Gives each contract its file. */
export function wrongFiles(contracts: Readonly<Record<string, WrongContract>>): WrongFile[] {
  return Object.entries(contracts).map(([title, contract], index) => {
    const name = `wrong${String(index).padStart(2, "0")}`;
    return { ...contract, title, file: `wrong/${name}.proto`, package: `wrong.${name}` };
  });
}

/** Generates from all of the contracts at once, and returns what is said of the file of each. */
export async function reportedProblems(
  workspace: BufWorkspace,
  files: readonly WrongFile[],
): Promise<ReadonlyMap<string, string[]>> {
  const imports = [
    "buf/validate/validate.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
    "org/contract/v1/options.proto",
  ].map((path) => `import "${path}";`);
  const texts = files.map(({ file, syntax = 'syntax = "proto3";', proto, ...each }) => {
    const header = [syntax, `package ${each.package};`, ...imports];
    return [`proto/${file}`, [...header, proto].join("\n")] as const;
  });
  await workspace.write(Object.fromEntries(texts));
  const { code, stderr } = await workspace.generate("gen", { tsProto: false });
  expect(code).not.toBe(0);
  // The plugin runs for each of its targets at the same time, and Buf ends the others once one has failed: it may
  // have heard of two by then, which say the same.
  const [, said] = stderr.split("the contract cannot be generated:");
  if (said === undefined) throw new Error(`the plugin did not say what is wrong: ${stderr}`);
  // Each says where, which is not what these tests are about.
  const lines = said.split("\n").map((line) => line.replace(/^(\S+\.proto):\d+:\d+: /, "$1: "));
  return new Map(
    files.map(({ file }) => [file, lines.filter((line) => line.startsWith(`${file}: `))]),
  );
}

/**
 * Fails when the working tree's contract breaks programs that were built from an earlier one. See
 * contract-base.ts for which one that is. What counts as breaking is Buf's rule category FILE, as
 * buf.yaml says: even generated sources must keep compiling, file by file.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  type ContractBase,
  type ContractImages,
  chooseContractBase,
  withContractImages,
} from "./contract-base.ts";
import { root, run } from "./run.ts";

/** The exit code by which `buf breaking` says that it found something; others are its own failures. */
const foundSomething = 100;

try {
  const base = await chooseContractBase();
  if (base.commit === undefined) {
    console.log(`The contract was compared with nothing: ${base.reason}.`);
  } else {
    await compare(base);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function compare(base: ContractBase): Promise<void> {
  console.log(`The contract, compared with ${base.description}:`);
  const problems = await withContractImages(base, breakingChanges);
  if (problems.length === 0) {
    console.log("no breaking change");
    return;
  }
  console.log(`\n${problems.join("\n\n")}\n`);
  console.log("The contract only grows. Leave what is there, mark it `deprecated = true`, and add");
  console.log("the new beside it, with a name and number of its own. See CONTRIBUTING.md.");
  process.exitCode = 1;
}

/** Buf's findings, and in words what it does not say: that a field has another number than before. */
async function breakingChanges(images: ContractImages): Promise<string[]> {
  const { code, stdout, stderr } = await run("buf", [
    "breaking",
    images.current,
    ...["--against", images.base],
    ...["--config", join(root, "buf.yaml")],
    // Other people's files are in the images too, and are theirs to change.
    "--exclude-imports",
    // Of all formats, one of the two that name the rule.
    ...["--error-format", "msvs"],
  ]);
  if (code === 0) return [];
  if (code !== foundSomething) throw new Error(`buf breaking failed:\n${stdout}${stderr}`);
  const findings = stdout.trim().split("\n").map(readable);
  return [
    ...findings,
    ...renumberings(await registry(images.base), await registry(images.current)),
  ];
}

function readable(finding: string): string {
  return finding.replace(
    /^(?<file>.+)\((?<line>\d+),(?<column>\d+)\) : error (?<rule>\w+) : /,
    "proto/$<file>:$<line>:$<column>: $<rule>\n  ",
  );
}

/** To Buf, a field is its number, so it calls a renumbered field deleted, or renamed. */
function renumberings(base: FileRegistry, current: FileRegistry): string[] {
  const sentences: string[] = [];
  for (const message of base) {
    if (message.kind !== "message") continue;
    const fieldsNow = current.getMessage(message.typeName)?.fields ?? [];
    for (const { name, number } of message.fields) {
      const now = fieldsNow.find((field) => field.name === name);
      if (now === undefined || now.number === number) continue;
      sentences.push(
        `${message.typeName}.${name} was renumbered from ${number} to ${now.number}.\n` +
          "  Messages carry a field's number, not its name: programs built before this change and\n" +
          `  after it would read each other's messages wrongly. Give it back the number ${number}.`,
      );
    }
  }
  return sentences;
}

async function registry(image: string): Promise<FileRegistry> {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(image)));
}

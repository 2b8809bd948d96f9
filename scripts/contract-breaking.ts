/**
 * Fails when the working tree's contract breaks programs that were built from an earlier one, and
 * nobody has approved of it. See contract-base.ts for which contract that is. What counts as breaking
 * is Buf's rule category FILE, as buf.yaml says: even generated sources must keep compiling, file by
 * file. Besides, policies and rules must not allow callers less than they did: contract-policy.ts.
 */
import { readFile } from "node:fs/promises";
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { bufBreaking } from "./buf-breaking.ts";
import {
  type ContractBase,
  type ContractImages,
  chooseContractBase,
  withContractImages,
} from "./contract-base.ts";
import { describeFinding, type Finding } from "./contract-finding.ts";
import { comparePolicies } from "./contract-policy.ts";
import { applyWaivers, readWaivers, today, type Waiver, waiversFile } from "./contract-waivers.ts";

try {
  const day = today();
  const waivers = await readWaivers(day);
  const base = await chooseContractBase();
  if (base.commit === undefined) {
    console.log(`The contract was compared with nothing: ${base.reason}.`);
    refuseExpired(applyWaivers([], waivers, day).expired);
  } else {
    await compare(base, waivers, day);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function compare(base: ContractBase, waivers: readonly Waiver[], day: string): Promise<void> {
  console.log(`The contract, compared with ${base.description}:`);
  const { findings, notes, renumbered } = await withContractImages(base, breakingChanges);
  for (const note of notes) console.log(note);
  const { refused, waived, unused, expired } = applyWaivers(findings, waivers, day);
  for (const [{ rule, element }, { owner, expires }] of waived) {
    console.log(`waived until ${expires} by ${owner}: ${rule} ${element}`);
  }
  for (const { rule, element } of unused) {
    console.log(`${waiversFile}: nothing needs the waiver of ${rule} ${element} (any more).`);
  }
  refuseExpired(expired);
  if (refused.length === 0) {
    console.log(waived.length === 0 ? "no breaking change" : "no other breaking change");
    return;
  }
  console.log(`\n${[...refused.map(describeFinding), ...renumbered].join("\n\n")}\n`);
  console.log(
    "The contract only grows, and asks no more of callers than it did. Leave what is there,",
  );
  console.log(
    "mark it `deprecated = true`, and add the new beside it, with a name and number of its",
  );
  console.log(`own. A break that has to be is approved in ${waiversFile}, by rule and element.`);
  console.log("See CONTRIBUTING.md.");
  process.exitCode = 1;
}

function refuseExpired(expired: readonly Waiver[]): void {
  for (const { rule, element, owner, expires } of expired) {
    console.log(
      `${waiversFile}: the waiver of ${rule} ${element} expired on ${expires}. ` +
        `Remove it, or have it approved anew; its owner is ${owner}.`,
    );
    process.exitCode = 1;
  }
}

interface Comparison {
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
  /** In words what Buf does not say: that a field has another number than before. */
  readonly renumbered: readonly string[];
}

async function breakingChanges(images: ContractImages): Promise<Comparison> {
  const [base, current] = await Promise.all([registry(images.base), registry(images.current)]);
  const found = await bufBreaking(images, base, current);
  const { findings, notes } = comparePolicies(base, current);
  return { findings: [...found, ...findings], notes, renumbered: renumberings(base, current) };
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

/** Buf's own findings, each with the element that it is about: Buf names only the place. */
import { join } from "node:path";
import type { FileRegistry } from "@bufbuild/protobuf";
import { z } from "zod";
import type { ContractImages } from "./contract-base.ts";
import { elementAt, fullName } from "./contract-element.ts";
import type { Finding } from "./contract-finding.ts";
import { root, run } from "./run.ts";

/** The exit code by which `buf breaking` says that it found something; others are its own failures. */
const foundSomething = 100;

/** A line of Buf's JSON. What was in a file that is gone has no place. */
const annotation = z.object({
  path: z.string().optional(),
  start_line: z.number().optional(),
  start_column: z.number().optional(),
  type: z.string(),
  message: z.string(),
});

type Annotation = z.infer<typeof annotation>;

/** Compares the images as buf.yaml says. Rejects with Buf's output where Buf cannot. */
export async function bufBreaking(
  images: ContractImages,
  base: FileRegistry,
  current: FileRegistry,
): Promise<Finding[]> {
  const { code, stdout, stderr } = await run("buf", [
    "breaking",
    images.current,
    ...["--against", images.base],
    ...["--config", join(root, "buf.yaml")],
    // Other people's files are in the images too, and are theirs to change.
    "--exclude-imports",
    ...["--error-format", "json"],
  ]);
  if (code === 0) return [];
  if (code !== foundSomething) throw new Error(`buf breaking failed:\n${stdout}${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => findingOf(annotation.parse(JSON.parse(line)), base, current));
}

function findingOf(found: Annotation, base: FileRegistry, current: FileRegistry): Finding {
  const { path, start_line: line, start_column: column, type: rule, message } = found;
  // Like other compilers, Buf calls the whole file its beginning.
  const position =
    path === undefined ? undefined : { file: path, line: line ?? 1, column: column ?? 1 };
  return { rule, message, position, element: elementOf(found, base, current) };
}

/**
 * The full name of what a finding is about. What is gone has no place: Buf gives that of what it was
 * in, and the rest is in its message.
 */
function elementOf(
  { path, start_line: line, start_column: column, type: rule, message }: Annotation,
  base: FileRegistry,
  current: FileRegistry,
): string {
  const around =
    path === undefined || line === undefined || column === undefined
      ? undefined
      : elementAt(current, { file: path, line, column });
  const container = around === undefined ? undefined : fullName(around);
  const inFile = path ?? /file "(?<name>[^"]+)"/.exec(message)?.groups?.["name"] ?? rule;
  const gone = goneName.exec(message)?.groups;
  if (gone === undefined || !rule.endsWith("_NO_DELETE")) return container ?? inFile;
  const { nested, member, number } = gone;
  const file = path === undefined ? undefined : base.getFile(path);
  if (nested !== undefined) return [file?.proto.package, nested].filter(Boolean).join(".");
  const value = base
    .getEnum(container ?? "")
    ?.values.find((each) => String(each.number) === number);
  return `${container ?? inFile}.${member ?? value?.name ?? String(number)}`;
}

/** How Buf names what is gone: by its name in the file, by that in what it was in, or by its number. */
const goneName = new RegExp(
  [
    '^Previously present (?:(?:message|enum|service|extension) "(?<nested>[^"]+)" was deleted from',
    '(?:field "-?\\d+" with name|RPC|oneof) "(?<member>[^"]+)" on (?:message|service)',
    'enum value "(?<number>-?\\d+)" on enum)',
  ].join("|"),
);

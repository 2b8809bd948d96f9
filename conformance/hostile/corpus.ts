import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const folder = join(import.meta.dirname, "corpus");

/** All that one client has sent. */
export interface CorpusCase {
  /** The name of its file. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Reads the cases that are kept: each is a file with a line that says what it is, and bytes in hexadecimal. */
export async function readCorpus(): Promise<CorpusCase[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".txt")).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const lines = (await readFile(join(folder, name), "utf8")).split("\n");
      const hex = lines.filter((line) => !line.startsWith("#")).join("");
      return { name, bytes: Buffer.from(hex, "hex") };
    }),
  );
}

/** Keeps a case, from now on. Resolves with the name of its file. */
export async function addToCorpus(what: string, bytes: Buffer): Promise<string> {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const name = `found-${hash}.txt`;
  const hex = bytes.toString("hex").replaceAll(/.{1,100}/g, "$&\n");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `# ${what}\n${hex}`);
  return name;
}

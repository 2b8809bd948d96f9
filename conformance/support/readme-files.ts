import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A file that a README shows. */
export interface ReadmeFile {
  /** Where the reader would put it. */
  readonly path: string;
  readonly text: string;
}

/** The files that a README shows: the code after each `<!-- file path -->`. */
export async function readmeFiles(readme: string): Promise<ReadmeFile[]> {
  const markdown = await readFile(readme, "utf8");
  const blocks = markdown.matchAll(/^<!-- file (\S+) -->\n```\w+\n(.*?)^```$/gms);
  return Array.from(blocks, ([, path = "", text = ""]) => ({ path, text }));
}

/** Puts files into a folder. */
export async function writeFiles(folder: string, files: readonly ReadmeFile[]): Promise<void> {
  await Promise.all(
    files.map(async ({ path, text }) => {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }),
  );
}

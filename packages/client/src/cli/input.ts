import { open, type FileHandle } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { UsageError } from "./usage-error.ts";

/** A text that a command reads: a file, or the standard input. */
export interface Input {
  /** What messages call it. */
  readonly name: string;
  /** How many bytes it has; undefined where nobody knows. */
  readonly totalBytes: number | undefined;
  /** Its content. What is not UTF-8 ends it with a UsageError. */
  text(onBytes?: (count: number) => void): AsyncGenerator<string, void>;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
};

/** What an input can come from besides files, and what ends the reading. */
export interface InputContext {
  readonly stdin: Readable;
  readonly signal: AbortSignal;
}

/** Opens a file, or the standard input for `-`. Throws a UsageError where it cannot be read. */
export async function openInput(path: string, { stdin, signal }: InputContext): Promise<Input> {
  if (path === "-") return input("stdin", undefined, addAbortSignal(signal, stdin));
  const file = await openFile(path);
  const stat = await file.stat();
  if (stat.isDirectory()) {
    await file.close();
    throw unreadable(path, { code: "EISDIR" });
  }
  return input(
    path,
    stat.isFile() ? stat.size : undefined,
    addAbortSignal(signal, file.createReadStream()),
  );
}

/** All that an input holds. */
export async function readWhole(from: Input): Promise<string> {
  let all = "";
  for await (const text of from.text()) all += text;
  return all;
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): UsageError {
  const code = error instanceof Object && "code" in error ? String(error.code) : "";
  const reason = reasons[code] ?? (error instanceof Error ? error.message : code);
  return new UsageError(`cannot read ${JSON.stringify(path)}: ${reason}`);
}

function input(
  name: string,
  totalBytes: number | undefined,
  source: AsyncIterable<Uint8Array>,
): Input {
  return {
    name,
    totalBytes,
    async *text(onBytes) {
      const decoder = new TextDecoder("utf-8", { fatal: true });
      const decode = (bytes?: Uint8Array): string => {
        try {
          return decoder.decode(bytes, { stream: bytes !== undefined });
        } catch (cause) {
          throw new UsageError(`${name} is not UTF-8 text`, { cause });
        }
      };
      for await (const bytes of readableOnly(name, source)) {
        onBytes?.(bytes.byteLength);
        yield decode(bytes);
      }
      yield decode();
    },
  };
}

async function* readableOnly(
  name: string,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* source;
  } catch (error) {
    throw unreadable(name, error);
  }
}

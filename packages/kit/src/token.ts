import { readFile, stat } from "node:fs/promises";

/**
 * What a client shows to be recognised: a token; a function that gives one for each call, at once or by a
 * promise, and keeps it itself; or a file with one in it, which is read again when it changes.
 */
export type Token = string | (() => string | Promise<string>) | { readonly file: string };

/** Gives the value of the header `authorization` for a call. */
export type Authorization = () => string | Promise<string>;

/** How often it is looked at the most whether a file has changed, in milliseconds. */
const fileIntervalMs = 1_000;

/** Makes what gives the header for a token. Throws a {@link TokenError} for a text that is none. */
export function authorizationBy(token: Token): Authorization {
  if (typeof token === "string") {
    const header = bearer(token);
    return () => header;
  }
  const read = typeof token === "function" ? token : fileReader(token.file);
  return () => {
    const current = read();
    return typeof current === "string" ? bearer(current) : current.then(bearer);
  };
}

/** There is no token, or none that can be sent. Its message does not show it. */
export class TokenError extends Error {
  static {
    TokenError.prototype.name = "TokenError";
  }
}

/** What RFC 6750 calls b64token: nothing else can be in a header. */
const sendable = /^[A-Za-z0-9._~+/-]+=*$/;

function bearer(token: string): string {
  const trimmed = token.trim();
  if (!sendable.test(trimmed)) {
    throw new TokenError("the token is empty, or has characters that no token has");
  }
  return `Bearer ${trimmed}`;
}

/** Reads a file when it is first asked for, and again in the background when it may have changed. */
function fileReader(file: string): () => string | Promise<string> {
  let text: string | undefined;
  let modifiedAt = Number.NaN;
  let lookedAt = -Infinity;
  const read = async (): Promise<string> => {
    try {
      const { mtimeMs } = await stat(file);
      if (text === undefined || mtimeMs !== modifiedAt) {
        text = await readFile(file, "utf8");
        modifiedAt = mtimeMs;
      }
      return text;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new TokenError(`the file with the token cannot be read: ${reason}`, { cause });
    }
  };
  return () => {
    if (text === undefined) return read();
    if (performance.now() - lookedAt > fileIntervalMs) {
      lookedAt = performance.now();
      // What was read last is used while the file is gone: it may be on its way of being replaced.
      read().catch(() => undefined);
    }
    return text;
  };
}

import { readFile, stat } from "node:fs/promises";
import type { CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from "jose";
import { z } from "zod";
import type { Logger } from "./logger.ts";

/** Where the keys are that tokens are signed with: a JSON Web Key Set (RFC 7517). */
export type KeySetSource = { readonly url: string } | { readonly file: string };

/** Finds the key that a token says it was signed with. Rejects where there is none. */
export type FindKey = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** The keys cannot be had: that says nothing about a token. */
export class KeySetUnavailableError extends Error {
  static {
    KeySetUnavailableError.prototype.name = "KeySetUnavailableError";
  }
}

/** How often a set is fetched at the most, whether that succeeds or not, in milliseconds. */
const minFetchIntervalMs = 60_000;

/** How old fetched keys may get before they are fetched again, in milliseconds: so long a key that is withdrawn is still believed. */
const maxAgeMs = 10 * 60_000;

/** How often it is looked at the most whether a file has changed, in milliseconds. */
const fileIntervalMs = 1_000;

const fetchTimeoutMs = 5_000;

/** A larger answer is no key set. */
const maxBytes = 1024 * 1024;

/**
 * Makes what finds keys in a set. A token whose key is not in it has the set fetched anew, but not more
 * often than once a minute, whatever tokens come; a file is read again when it changes. What was fetched
 * last stays in use while it cannot be fetched.
 */
export function findKeysIn(source: KeySetSource, logger: Logger): FindKey {
  const keys =
    "url" in source ? new FetchedKeys(source.url, logger) : new FileKeys(source.file, logger);
  return async (header, token) => {
    const { createLocalJWKSet, errors } = await import("jose");
    const find = async (): Promise<CryptoKey> =>
      createLocalJWKSet(await keys.current())(header, token);
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await keys.refresh())) throw error;
      return find();
    }
  };
}

/** Keys that are kept, and fetched again when they may have changed. */
abstract class Keys {
  protected readonly logger: Logger;
  #set: JSONWebKeySet | undefined;
  #triedAt = -Infinity;
  #loadedAt = -Infinity;
  #loading: Promise<boolean> | undefined;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  protected abstract readonly minIntervalMs: number;
  protected abstract readonly maxAgeMs: number;

  /** Loads the set; undefined where it has not changed. */
  protected abstract load(): Promise<JSONWebKeySet | undefined>;

  async current(): Promise<JSONWebKeySet> {
    if (this.#set === undefined) await this.refresh();
    // In the background: nobody has to wait for keys that are probably the same.
    else if (performance.now() - this.#loadedAt > this.maxAgeMs) void this.refresh();
    if (this.#set === undefined) {
      throw new KeySetUnavailableError("there are no keys to check tokens by");
    }
    return this.#set;
  }

  /** Loads the set again, unless that was tried a moment ago. Resolves to whether it was loaded. */
  refresh(): Promise<boolean> {
    if (this.#loading !== undefined) return this.#loading;
    if (performance.now() - this.#triedAt < this.minIntervalMs) return Promise.resolve(false);
    this.#triedAt = performance.now();
    this.#loading = this.#tryLoad().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #tryLoad(): Promise<boolean> {
    try {
      this.#set = (await this.load()) ?? this.#set;
      this.#loadedAt = performance.now();
      return true;
    } catch (err) {
      this.logger.error({ err }, "the keys that tokens are checked by cannot be read");
      return false;
    }
  }
}

class FetchedKeys extends Keys {
  protected override readonly minIntervalMs = minFetchIntervalMs;
  protected override readonly maxAgeMs = maxAgeMs;
  readonly #url: string;

  constructor(url: string, logger: Logger) {
    super(logger);
    this.#url = url;
  }

  protected override async load(): Promise<JSONWebKeySet> {
    const response = await fetch(this.#url, {
      headers: { accept: "application/jwk-set+json, application/json" },
      redirect: "error",
      signal: AbortSignal.timeout(fetchTimeoutMs),
    });
    if (!response.ok) throw new Error(`${this.#url} answers with ${response.status}`);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const body: AsyncIterable<Uint8Array> | null = response.body;
    for await (const part of body ?? []) {
      parts.push(part);
      bytes += part.byteLength;
      if (bytes > maxBytes) throw new Error(`${this.#url} sends more than a key set`);
    }
    return parseKeySet(Buffer.concat(parts).toString(), this.#url);
  }
}

class FileKeys extends Keys {
  protected override readonly minIntervalMs = fileIntervalMs;
  protected override readonly maxAgeMs = fileIntervalMs;
  readonly #file: string;
  #modifiedAt: number | undefined;

  constructor(file: string, logger: Logger) {
    super(logger);
    this.#file = file;
  }

  protected override async load(): Promise<JSONWebKeySet | undefined> {
    const { mtimeMs } = await stat(this.#file);
    if (mtimeMs === this.#modifiedAt) return undefined;
    const set = parseKeySet(await readFile(this.#file, "utf8"), this.#file);
    this.#modifiedAt = mtimeMs;
    return set;
  }
}

function parseKeySet(text: string, source: string): JSONWebKeySet {
  const parsed = keySet.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${source} is no JSON Web Key Set: it has no list of keys`);
  return parsed.data;
}

/** jose reads the keys themselves, and passes over those that it does not know. */
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

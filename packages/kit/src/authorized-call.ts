import type { Metadata } from "@grpc/grpc-js";
import type { CallOptions } from "./call-options.ts";
import { Code } from "./code.ts";
import { FixedMetadata } from "./fixed-metadata.ts";
import { RpcError } from "./rpc-error.ts";
import { type Authorization, authorizationBy, type Token, TokenError } from "./token.ts";

/** What is to be known of a method. */
interface AuthorizedMethod {
  readonly answersWithStream: boolean;
  /** How long a call may take that does not say, in milliseconds. */
  readonly timeoutMs: number;
}

/** No timer holds more milliseconds: 24 days. */
const maxTimerMs = 2 ** 31 - 1;

type Method = (input: never, options?: CallOptions) => unknown;

/**
 * Makes each call of a method carry a token. A call that brings an authorization of its own keeps it. Where
 * the token takes a promise, the call begins when that is there; where it cannot be had, the call fails with
 * UNAUTHENTICATED.
 */
export function authorized(
  method: Method,
  { answersWithStream, timeoutMs }: AuthorizedMethod,
  token: Token,
): Method {
  const authorization = authorizationBy(token);
  const headers = new HeaderMetadata();
  return (input, options) => {
    const { metadata } = options ?? {};
    if (metadata !== undefined && metadata.get("authorization").length > 0) {
      return method(input, options);
    }
    const call = (header: string, more: CallOptions = {}): unknown =>
      method(input, { ...options, ...more, metadata: headers.with(header, metadata) });
    const header = attempt(authorization);
    if (typeof header === "string") return call(header);
    const { deadline = new Date(Date.now() + (options?.timeoutMs ?? timeoutMs)) } = options ?? {};
    const more = Number.isNaN(deadline.getTime()) ? {} : { deadline };
    const begun = inTime(header, deadline, options?.signal).then(
      (text) => call(text, more),
      (cause: unknown) => {
        if (cause instanceof RpcError) throw cause;
        const text = cause instanceof TokenError ? cause.message : "there is no token to call with";
        throw new RpcError(Code.UNAUTHENTICATED, text, { cause });
      },
    );
    return answersWithStream ? new DelayedAnswers(begun) : begun;
  };
}

/** The token, unless the call is over before it is there. */
async function inTime(
  token: Promise<string>,
  deadline: Date,
  signal: AbortSignal | undefined,
): Promise<string> {
  const over = Promise.withResolvers<never>();
  const abort = (): void => {
    const cause: unknown = signal?.reason;
    over.reject(new RpcError(Code.CANCELLED, "the caller cancelled the call", { cause }));
  };
  const leftMs = deadline.getTime() - Date.now();
  const timer = leftMs <= maxTimerMs ? setTimeout(expire, leftMs) : undefined;
  function expire(): void {
    const text = "the deadline passed before there was a token to call with";
    over.reject(new RpcError(Code.DEADLINE_EXCEEDED, text));
  }
  if (signal?.aborted === true) abort();
  signal?.addEventListener("abort", abort);
  try {
    return await Promise.race([token, over.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** What a caller's function throws is as good as a promise that it rejects. */
function attempt(authorization: Authorization): string | Promise<string> {
  try {
    return authorization();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Metadata with the header, made once for all calls that have no metadata of their own. */
class HeaderMetadata {
  #metadata: FixedMetadata | undefined;

  with(header: string, own: Metadata | undefined): Metadata {
    if (own !== undefined) {
      const both = own.clone();
      both.set("authorization", header);
      return both;
    }
    if (this.#metadata?.headers[1] !== header) {
      this.#metadata = new FixedMetadata("authorization", header);
    }
    return this.#metadata;
  }
}

/** The answers of a call that has not begun yet. */
class DelayedAnswers implements AsyncIterableIterator<unknown, undefined> {
  readonly #begun: Promise<unknown>;

  constructor(begun: Promise<unknown>) {
    this.#begun = begun;
    // Whoever reads the answers gets the error; nobody has to.
    begun.catch(() => undefined);
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    return (await this.#answers()).next();
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    const answers = await this.#answers();
    return (await answers.return?.()) ?? { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #answers(): Promise<AsyncIterableIterator<unknown, undefined>> {
    const answers = await this.#begun;
    if (!isAnswers(answers)) throw new TypeError("the method answers with no stream");
    return answers;
  }
}

function isAnswers(value: unknown): value is AsyncIterableIterator<unknown, undefined> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

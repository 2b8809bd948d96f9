import type { Metadata } from "@grpc/grpc-js";
import type { CallOptions } from "./call-options.ts";
import { Code } from "./code.ts";
import { FixedMetadata } from "./fixed-metadata.ts";
import { RpcError } from "./rpc-error.ts";
import { type Authorization, authorizationBy, type Token, TokenError } from "./token.ts";

type Method = (input: never, options?: CallOptions) => unknown;

/**
 * Makes each call of a method carry a token. A call that brings an authorization of its own keeps it. Where
 * the token takes a promise, the call begins when that is there; where it cannot be had, the call fails with
 * UNAUTHENTICATED.
 */
export function authorized(method: Method, answersWithStream: boolean, token: Token): Method {
  const authorization = authorizationBy(token);
  const headers = new HeaderMetadata();
  return (input, options) => {
    const { metadata } = options ?? {};
    if (metadata !== undefined && metadata.get("authorization").length > 0) {
      return method(input, options);
    }
    const call = (header: string): unknown =>
      method(input, { ...options, metadata: headers.with(header, metadata) });
    const header = attempt(authorization);
    if (typeof header === "string") return call(header);
    const begun = header.then(call, (cause: unknown) => {
      const text = cause instanceof TokenError ? cause.message : "there is no token to call with";
      throw new RpcError(Code.UNAUTHENTICATED, text, { cause });
    });
    return answersWithStream ? new DelayedAnswers(begun) : begun;
  };
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

import type { RpcError } from "./rpc-error.ts";

/** A stream that can be ended from outside its handler. */
export interface LiveStream {
  end(error: RpcError): void;
}

/**
 * The calls that a server is answering. A call counts until both its handler has settled and its
 * stream is closed, so that neither work nor answers are cut off by a shutdown that waits for it.
 */
export class LiveCalls {
  #parts = 0;
  readonly #streams = new Set<LiveStream>();
  #idle: PromiseWithResolvers<void> | undefined;

  /** A call begins: its handler and its stream. */
  begin(): void {
    this.#parts += 2;
  }

  /** One of a call's two parts is done. */
  partDone(): void {
    this.#parts -= 1;
    if (this.#parts === 0) this.#idle?.resolve();
  }

  addStream(stream: LiveStream): void {
    this.#streams.add(stream);
  }

  removeStream(stream: LiveStream): void {
    this.#streams.delete(stream);
  }

  /** Ends all open streams with a status. */
  endStreams(error: RpcError): void {
    for (const stream of this.#streams) stream.end(error);
  }

  /** Resolves once no call is left. */
  idle(): Promise<void> {
    if (this.#parts === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }
}

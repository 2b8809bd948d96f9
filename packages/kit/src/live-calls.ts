import type { SurfaceCall } from "./call-context.ts";
import type { RpcError } from "./rpc-error.ts";

/** A stream that can be ended from outside its handler. */
export interface LiveStream {
  end(error: RpcError): void;
}

/**
 * The calls that a server is answering. A call counts until its handler has settled and, where it is
 * a stream, until that is closed too, so that neither work nor answers are cut off by a shutdown that
 * waits for it. To watch the end of each unary call's stream would cost all of them.
 */
export class LiveCalls {
  #parts = 0;
  readonly #streams = new Set<LiveStream>();
  #idle: PromiseWithResolvers<void> | undefined;

  /** A unary call begins: its handler. */
  beginUnary(): void {
    this.#parts += 1;
  }

  /** A call with a stream begins: its handler and its stream. */
  beginStream(): void {
    this.#parts += 2;
  }

  /** One part of a call is done. */
  partDone(): void {
    this.#parts -= 1;
    if (this.#parts === 0) this.#idle?.resolve();
  }

  /** A call's stream can be ended, until it is closed. */
  addStream(stream: LiveStream, call: SurfaceCall): void {
    this.#streams.add(stream);
    call.once("cancelled", () => {
      this.#streams.delete(stream);
    });
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

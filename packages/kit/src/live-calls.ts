import { LinkedList } from "./linked-list.ts";
import type { RpcError } from "./rpc-error.ts";
import type { ServerCall } from "./server-call.ts";

/**
 * The calls that a server is answering. A call counts until its handler has settled and, where it is
 * a stream, until that is closed too, so that neither work nor answers are cut off by a shutdown that
 * waits for it. To watch the end of each unary call's stream would cost all of them.
 */
export class LiveCalls {
  #parts = 0;
  readonly #streams = new LinkedList<ServerCall>();
  #idle: PromiseWithResolvers<void> | undefined;

  /** A unary call begins: its handler. */
  beginUnary(): void {
    this.#parts += 1;
  }

  /** A call with a stream begins: its handler and its stream. It can be ended until that is closed. */
  beginStream(call: ServerCall): void {
    this.#parts += 2;
    const place = this.#streams.add(call);
    call.onClosed = () => {
      this.#streams.remove(place);
      this.partDone();
    };
  }

  /** One part of a call is done. */
  partDone(): void {
    this.#parts -= 1;
    if (this.#parts === 0) this.#idle?.resolve();
  }

  /** Ends all open streams with a status. */
  endStreams(error: RpcError): void {
    for (const call of this.#streams.values()) call.abort(error);
  }

  /** Resolves once no call is left. */
  idle(): Promise<void> {
    if (this.#parts === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }
}

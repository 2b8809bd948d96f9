import { type Deadline, Metadata } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import { sendable } from "./metadata.ts";
import { RpcError } from "./rpc-error.ts";

/**
 * How long before a call's deadline its end still counts as that, in milliseconds. The client's timer
 * runs out as well, and resets the stream; which of the two comes first depends on the way between.
 */
const deadlineJitterMs = 20;

/** What every kind of grpc-js server call has. */
export interface SurfaceCall {
  readonly metadata: Metadata;
  /** Whether `cancelled` was emitted. */
  readonly cancelled: boolean;
  getDeadline(): Deadline;
  getPeer(): string;
  sendMetadata(header: Metadata): void;
  /** Emitted at the end of each call, whatever the end was. */
  once(event: "cancelled", listener: () => void): unknown;
}

/**
 * What a handler can know and do about the call it answers, besides its messages. What no handler
 * asks for is never made.
 */
export class CallContext {
  /** The method's path: `/org.product.v1.ProductService/GetProduct`, also where it was called by an alias. */
  readonly path: string;
  readonly #call: SurfaceCall;
  #abort: AbortController | undefined;
  #header: Metadata | undefined;
  #trailer: Metadata | undefined;
  #end: "answered" | RpcError | undefined;

  constructor(path: string, call: SurfaceCall) {
    this.path = path;
    this.#call = call;
  }

  /**
   * Aborted once nobody waits for the answer any more: the client cancelled or went away, the
   * deadline passed, or the server shuts down. Its reason is an {@link RpcError}.
   */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      const { aborted } = this;
      if (aborted !== undefined) this.#abort.abort(aborted);
      this.#call.once("cancelled", () => {
        this.over();
      });
    }
    return this.#abort.signal;
  }

  /** When the client stops waiting; undefined where it set no deadline. */
  get deadline(): Date | undefined {
    const deadline = this.#call.getDeadline();
    return deadline === Infinity ? undefined : new Date(deadline);
  }

  /** What the client sent along. */
  get metadata(): Metadata {
    return this.#call.metadata;
  }

  /** Who calls: the address and port of the connection's other end. */
  get peer(): string {
    return this.#call.getPeer();
  }

  /** Metadata to send before the first message. Fill it before the first message is sent. */
  get header(): Metadata {
    this.#header ??= new Metadata();
    return this.#header;
  }

  /** Metadata to send after the last message. */
  get trailer(): Metadata {
    this.#trailer ??= new Metadata();
    return this.#trailer;
  }

  /** @internal The trailer, if the handler has asked for it. */
  get trailerIfAny(): Metadata | undefined {
    return this.#trailer && sendable(this.#trailer);
  }

  /** @internal Why nobody waits for the answer any more; undefined while somebody does. */
  get aborted(): RpcError | undefined {
    if (this.#call.cancelled) this.over();
    return this.#end instanceof RpcError ? this.#end : undefined;
  }

  /** @internal Sends the header, if the handler has asked for it: early headers would rule out a retry. */
  sendHeader(): void {
    if (this.#header === undefined) return;
    this.#call.sendMetadata(sendable(this.#header));
    this.#header = undefined;
  }

  /** @internal The answer is on its way. False where the call has ended already. */
  answer(): boolean {
    if (this.#end !== undefined) return false;
    this.#end = "answered";
    return true;
  }

  /** @internal Nobody waits for the answer any more. False where the call has ended already. */
  abort(error: RpcError): boolean {
    if (this.#end !== undefined) return false;
    this.#end = error;
    this.#abort?.abort(error);
    return true;
  }

  /** @internal The call is over on the wire. grpc-js says no more than that, so the reason is worked out. */
  over(): void {
    if (this.#end !== undefined) return;
    const late = Number(this.#call.getDeadline()) <= Date.now() + deadlineJitterMs;
    this.abort(
      late
        ? new RpcError(Code.DEADLINE_EXCEEDED, "the deadline passed")
        : new RpcError(Code.CANCELLED, "the client cancelled the call"),
    );
  }
}

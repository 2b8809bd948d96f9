import { type Channel, Metadata, type StatusObject } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import type { CallOptions } from "./create-client.ts";
import { MessageQueue } from "./message-queue.ts";
import { RpcError } from "./rpc-error.ts";

/** What one method needs to be called. Made once, with the client. */
export interface MethodCaller {
  readonly channel: Channel;
  readonly path: string;
  readonly timeoutMs: number;
  readonly encode: (message: unknown) => Buffer;
  readonly decode: (bytes: Buffer) => unknown;
}

/** The messages to send on a stream. */
export type Inputs = AsyncIterable<unknown> | Iterable<unknown>;

type InputIterator = AsyncIterator<unknown, unknown> | Iterator<unknown, unknown>;

/** grpc-js clones what it is given before it adds to it, so that all calls can share this one. */
const noMetadata = new Metadata();

const noOptions: CallOptions = {};

/** One call, on the channel itself: without the layers that grpc-js's `Client` puts on each call. */
export class ClientCall {
  readonly #caller: MethodCaller;
  readonly #call: ReturnType<Channel["createCall"]>;
  readonly #options: CallOptions;
  #over = false;
  /** What the caller, and not the server, made the call fail with. */
  #failure: { readonly error: unknown } | undefined;
  #inputs: InputIterator | undefined;
  #sent: (() => void) | undefined;

  constructor(caller: MethodCaller, options: CallOptions = noOptions) {
    this.#caller = caller;
    this.#options = options;
    const timeoutMs = options.timeoutMs ?? caller.timeoutMs;
    const deadline = options.deadline ?? (timeoutMs === Infinity ? Infinity : Date.now() + timeoutMs);
    this.#call = caller.channel.createCall(caller.path, deadline, undefined, null, undefined);
  }

  /** Starts the call; resolves with the answer once the status has come, rejects unless it is OK. */
  async receiveOne(send: () => void): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<StatusObject>();
    let answer: { readonly message: unknown } | undefined;
    this.#start((message) => {
      if (answer === undefined) answer = { message };
      else this.#fail(new RpcError(Code.INTERNAL, "the server sent a second message"));
    }, resolve);
    this.#call.startRead();
    send();
    const status = await promise;
    // Made here, an error's stack names whoever awaits the call.
    if (this.#failure !== undefined) throw this.#failure.error;
    if (status.code !== Code.OK) throw RpcError.fromStatus(status);
    if (answer === undefined) throw new RpcError(Code.INTERNAL, "the server sent OK but no message");
    return answer.message;
  }

  /** Starts the call; the answers end with an error unless the status is OK. */
  receiveMany(): MessageQueue<unknown> {
    const queue = new MessageQueue<unknown>({
      resume: () => {
        this.#call.startRead();
      },
      stop: () => {
        this.#call.cancelWithStatus(Code.CANCELLED, "the caller stopped reading");
      },
    });
    this.#start(
      (message) => {
        if (queue.push(message)) this.#call.startRead();
      },
      (status) => {
        if (this.#failure !== undefined) queue.fail(this.#failure.error);
        else if (status.code === Code.OK) queue.end();
        else queue.fail(RpcError.fromStatus(status));
      },
    );
    this.#call.startRead();
    return queue;
  }

  /** Sends the only message. */
  sendOne(input: unknown): void {
    try {
      this.#call.sendMessageWithContext({}, this.#caller.encode(input));
      this.#call.halfClose();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sends all messages, no faster than the connection takes them. What the source throws ends the call. */
  async sendAll(inputs: Inputs): Promise<void> {
    try {
      const iterator =
        Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
      this.#inputs = iterator;
      for (;;) {
        const next = iterator.next();
        const result = next instanceof Promise ? await next : next;
        if (this.#over) return;
        if (result.done === true) break;
        await this.#send(this.#caller.encode(result.value));
      }
      this.#inputs = undefined;
      this.#call.halfClose();
    } catch (error) {
      this.#inputs = undefined;
      this.#fail(error);
    }
  }

  #start(onMessage: (message: unknown) => void, onStatus: (status: StatusObject) => void): void {
    const { metadata = noMetadata, signal, onHeader, onTrailer } = this.#options;
    const abort = (): void => {
      this.#fail(
        new RpcError(Code.CANCELLED, "the caller cancelled the call", { cause: signal?.reason }),
      );
    };
    this.#call.start(metadata, {
      onReceiveMetadata: (header) => onHeader?.(header),
      onReceiveMessage: (bytes: Buffer) => {
        let message: unknown;
        try {
          message = this.#caller.decode(bytes);
        } catch (cause) {
          this.#fail(new RpcError(Code.INTERNAL, "the answer cannot be decoded", { cause }));
          return;
        }
        onMessage(message);
      },
      onReceiveStatus: (status) => {
        this.#finish();
        signal?.removeEventListener("abort", abort);
        onTrailer?.(status.metadata);
        onStatus(status);
      },
    });
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  }

  /**
   * Resolves once the message is on its way. grpc-js has room for one at a time: it forgets the one
   * before while the connection is being made, and half-closes ahead of the ones behind.
   */
  #send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#sent = resolve;
      this.#call.sendMessageWithContext({ callback: () => resolve() }, bytes);
    });
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#failure ??= { error };
    this.#call.cancelWithStatus(Code.CANCELLED, "the caller gave up");
  }

  #finish(): void {
    this.#over = true;
    // grpc-js drops the callbacks of what it had not sent by then.
    this.#sent?.();
    // The answer may come before the last request: whoever makes them can stop.
    void this.#inputs?.return?.();
  }
}

import { type Channel, Metadata, type StatusObject } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import type { CallOptions } from "./call-options.ts";
import { currentCall } from "./call-scope.ts";
import { MessageQueue } from "./message-queue.ts";
import { sendable } from "./metadata.ts";
import { RpcError } from "./rpc-error.ts";

/** What one method needs to be called. Made once, with the client. */
export interface MethodCaller {
  readonly channel: Channel;
  readonly path: string;
  /** How long a call may take that does not say, in milliseconds. */
  readonly timeoutMs: number;
  /** How long any call may take, in milliseconds. */
  readonly maxTimeoutMs: number;
  readonly encode: (message: unknown) => Buffer;
  readonly decode: (bytes: Buffer) => unknown;
}

/** The messages to send on a stream. */
export type Inputs = AsyncIterable<unknown> | Iterable<unknown>;

type InputIterator = AsyncIterator<unknown, unknown> | Iterator<unknown, unknown>;

/** grpc-js clones what it is given before it adds to it, so that all calls can share this one. */
const noMetadata = new Metadata();

const noOptions: CallOptions = {};

/**
 * The longest timeout that is sent, in milliseconds: 24 days. Past 2^31 a grpc-js server takes it for
 * one that is over already, and much later grpc-js ends the client's process.
 */
const longestTimeoutMs = 24 * 24 * 60 * 60 * 1000;

/** One call, on the channel itself: without the layers that grpc-js's `Client` puts on each call. */
export class ClientCall {
  readonly #caller: MethodCaller;
  readonly #options: CallOptions;
  /** Set once the call has started; on a closed channel it never does. */
  #call: ReturnType<Channel["createCall"]> | undefined;
  #over = false;
  /** What the caller, and not the server, made the call fail with. */
  #failure: { readonly error: unknown } | undefined;
  #inputs: InputIterator | undefined;
  #sent: (() => void) | undefined;

  constructor(caller: MethodCaller, options: CallOptions = noOptions) {
    this.#caller = caller;
    this.#options = options;
  }

  /** Starts the call; resolves with the answer once the status has come, rejects unless it is OK. */
  async receiveOne(send: () => void): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<StatusObject>();
    let answer: { readonly message: unknown } | undefined;
    this.#start((message) => {
      if (answer === undefined) {
        answer = { message };
        // The status comes only once all messages are read, so a second one is read as well.
        this.#call?.startRead();
      } else {
        this.#fail(new RpcError(Code.INTERNAL, "the server sent a second message"));
      }
    }, resolve);
    this.#call?.startRead();
    send();
    const status = await promise;
    // Made here, an error's stack names whoever awaits the call.
    if (this.#failure !== undefined) throw this.#failure.error;
    if (status.code !== Code.OK) throw RpcError.fromStatus(status);
    if (answer === undefined) {
      throw new RpcError(Code.INTERNAL, "the server sent OK but no message");
    }
    return answer.message;
  }

  /** Starts the call; the answers end with an error unless the status is OK. */
  receiveMany(): MessageQueue<unknown> {
    const queue = new MessageQueue<unknown>({
      resume: () => {
        this.#call?.startRead();
      },
      stop: () => {
        this.#call?.cancelWithStatus(Code.CANCELLED, "the caller stopped reading");
      },
    });
    try {
      this.#start(
        (message) => {
          if (queue.push(message)) this.#call?.startRead();
        },
        (status) => {
          if (this.#failure !== undefined) queue.fail(this.#failure.error);
          else if (status.code === Code.OK) queue.end();
          else queue.fail(RpcError.fromStatus(status));
        },
      );
    } catch (error) {
      queue.fail(error);
    }
    this.#call?.startRead();
    return queue;
  }

  /** Sends the only message. */
  sendOne(input: unknown): void {
    try {
      this.#call?.sendMessageWithContext({}, this.#caller.encode(input));
      this.#call?.halfClose();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sends all messages, no faster than the connection takes them. What the source throws ends the call. */
  async sendAll(inputs: Inputs): Promise<void> {
    if (this.#call === undefined) return;
    try {
      const iterator =
        Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
      this.#inputs = iterator;
      for (;;) {
        const next = iterator.next();
        const result = "then" in next ? await next : next;
        if (this.#over) return;
        if (result.done === true) break;
        await this.#send(this.#caller.encode(result.value));
      }
      this.#inputs = undefined;
      this.#call.halfClose();
    } catch (error) {
      this.#fail(error);
    }
  }

  #start(onMessage: (message: unknown) => void, onStatus: (status: StatusObject) => void): void {
    const { metadata, signal, detached, onHeader, onTrailer } = this.#options;
    const parent = detached === true ? undefined : currentCall();
    const call = this.#open(parent?.endsAt);
    this.#call = call;
    const abort = (): void => {
      this.#fail(
        new RpcError(Code.CANCELLED, "the caller cancelled the call", { cause: signal?.reason }),
      );
    };
    const abortWithParent = (): void => {
      const cause: unknown = parent?.signal.reason;
      this.#fail(
        new RpcError(Code.CANCELLED, "the call that this one is for has ended", { cause }),
      );
    };
    call.start(metadata === undefined ? noMetadata : sendable(metadata), {
      onReceiveMetadata: (header) => {
        this.#tell(onHeader, header);
      },
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
        signal?.removeEventListener("abort", abort);
        parent?.signal.removeEventListener("abort", abortWithParent);
        this.#tell(onTrailer, status.metadata);
        this.#finish();
        onStatus(endedByServer(status) ? { ...status, code: Code.OK } : status);
      },
    });
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    if (parent?.signal.aborted === true) abortWithParent();
    else parent?.signal.addEventListener("abort", abortWithParent, { once: true });
  }

  /** Throws where the channel is closed, or where the deadline is no time. */
  #open(latest = Infinity): ReturnType<Channel["createCall"]> {
    const { channel, path, timeoutMs, maxTimeoutMs } = this.#caller;
    const { deadline, timeoutMs: wait = timeoutMs } = this.#options;
    const left = deadline === undefined ? wait : deadline.getTime() - Date.now();
    if (Number.isNaN(left)) throw new RangeError("the deadline is not a time");
    const allowed = Math.min(left, maxTimeoutMs, latest - Date.now());
    try {
      const until = allowed > longestTimeoutMs ? Infinity : Date.now() + allowed;
      return channel.createCall(path, until, undefined, null, undefined);
    } catch (cause) {
      throw new RpcError(Code.CANCELLED, "the channel is closed", { cause });
    }
  }

  /** What a caller's function throws fails the call, instead of ending the process. */
  #tell(listener: ((metadata: Metadata) => void) | undefined, metadata: Metadata): void {
    try {
      listener?.(metadata);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Resolves once the message is on its way. grpc-js has room for one at a time: it forgets the one
   * before while the connection is being made, and half-closes ahead of the ones behind.
   */
  #send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#sent = resolve;
      this.#call?.sendMessageWithContext({ callback: () => resolve() }, bytes);
    });
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#failure ??= { error };
    this.#call?.cancelWithStatus(Code.CANCELLED, "the caller gave up");
  }

  #finish(): void {
    this.#over = true;
    // grpc-js drops the callbacks of what it had not sent by then.
    this.#sent?.();
    // The answer may come before the last request: whoever makes them can stop.
    void leave(this.#inputs);
  }
}

/** Ends a source early. What it throws then comes too late for the call, which has its status. */
async function leave(inputs: InputIterator | undefined): Promise<void> {
  try {
    await inputs?.return?.();
  } catch {
    // Nobody is left to be told.
  }
}

/**
 * Whether a status that looks like a failure is the server's OK. An answer may come before the last
 * request; grpc-js then ends the stream, and lets the error of the next write replace the OK.
 */
function endedByServer({ code, details }: StatusObject): boolean {
  return code === Code.INTERNAL && details === "Write error: write after end";
}

import { type Channel, Metadata, type StatusObject } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import { CallDeadline, endOf, type TimedCall } from "./call-deadline.ts";
import type { CallOptions } from "./call-options.ts";
import { type CallScope, currentCall } from "./call-scope.ts";
import { corrected, isLost, isRefused, readable, retriesIn } from "./call-status.ts";
import { MessageQueue } from "./message-queue.ts";
import { sendable } from "./metadata.ts";
import type { MethodCaller } from "./method-caller.ts";
import { type Inputs, RequestStream } from "./request-stream.ts";
import { RpcError } from "./rpc-error.ts";
import { TimedMetadata } from "./timed-metadata.ts";

/** How often a call is sent again that servers have refused without looking at it: at once, and then after waiting. */
const maxResends = 4;
const resendBackoffMs = 50;

/** grpc-js clones what it is given before it adds to it, so that all calls can share this one. */
const noMetadata = new Metadata();

const noOptions: CallOptions = {};

/** One call, on the channel itself: without the layers that grpc-js's `Client` puts on each call. */
export class ClientCall implements TimedCall {
  readonly #caller: MethodCaller;
  readonly #options: CallOptions;
  /** Set once the call has started; on a closed channel it never does. */
  #call: ReturnType<Channel["createCall"]> | undefined;
  #deadline: CallDeadline | undefined;
  #ignoreSignals: (() => void) | undefined;
  #onStatus: ((status: StatusObject) => void) | undefined;
  /** The only request, encoded, for another attempt. */
  #request: Buffer | undefined;
  #resends = 0;
  #resendTimer: NodeJS.Timeout | undefined;
  #over = false;
  /** What the caller, and not the server, made the call fail with. */
  #failure: { readonly error: unknown } | undefined;
  #requests: RequestStream | undefined;

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
        this.#fail(new RpcError(Code.UNIMPLEMENTED, "the server sent a second message"));
      }
    }, resolve);
    this.#call?.startRead();
    send();
    const status = await promise;
    // Made here, an error's stack names whoever awaits the call.
    if (this.#failure !== undefined) throw this.#failure.error;
    if (status.code !== Code.OK) throw RpcError.fromStatus(status);
    if (answer === undefined) {
      // statuscodes.md: "Response cardinality violation"
      throw new RpcError(Code.UNIMPLEMENTED, "the server sent OK but no message");
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
        this.#cancel("the caller stopped reading");
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
      this.#request = this.#caller.encode(input);
      this.#call?.sendMessageWithContext({}, this.#request);
      this.#call?.halfClose();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sends all messages. What their source throws ends the call. */
  async sendAll(inputs: Inputs): Promise<void> {
    if (this.#call === undefined) return;
    this.#requests = new RequestStream(this.#call, this.#caller.encode);
    try {
      await this.#requests.send(inputs);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Its deadline has passed: whoever waits is told so. */
  expire(details: string): void {
    this.#end({ code: Code.DEADLINE_EXCEEDED, details, metadata: new Metadata() });
  }

  /** Nobody waits for it any more. */
  discard(): void {
    this.#call?.cancelWithStatus(Code.CANCELLED, "the deadline passed");
  }

  #start(onMessage: (message: unknown) => void, onStatus: (status: StatusObject) => void): void {
    const { signal, detached } = this.#options;
    const parent = detached === true ? undefined : currentCall();
    const endsAt = endOf(this.#caller, this.#options, parent);
    this.#onStatus = onStatus;
    this.#attempt(this.#metadata(endsAt), onMessage);
    const { timeoutMs, deadlines } = this.#caller;
    const isUsual = this.#options.deadline === undefined && this.#options.timeoutMs === undefined;
    // One that a handler's call makes shorter is as far away as no other.
    this.#deadline?.watch(isUsual && endsAt - Date.now() > timeoutMs - 1 ? deadlines : undefined);
    if (signal !== undefined || parent !== undefined) this.#heed(signal, parent);
  }

  #attempt(metadata: Metadata, onMessage: (message: unknown) => void): void {
    const { onHeader } = this.#options;
    const { onRetried, isRetried } = this.#caller;
    const call = this.#open();
    this.#call = call;
    let retries = 0;
    let hasBegun = false;
    let hasMessage = false;
    call.start(metadata, {
      onReceiveMetadata: (header) => {
        hasBegun = true;
        if (onRetried !== undefined) retries = retriesIn(header);
        this.#tell(onHeader, header);
      },
      onReceiveMessage: (bytes: Buffer) => {
        hasMessage = true;
        if (this.#over) return;
        let message: unknown;
        try {
          message = this.#caller.decode(bytes);
        } catch (cause) {
          this.#fail(new RpcError(Code.INTERNAL, "the answer cannot be decoded", { cause }));
          return;
        }
        onMessage(message);
      },
      onReceiveStatus: (received) => {
        const status = readable(received, this.#deadline?.endsAt ?? Infinity);
        const mayResend = hasBegun
          ? isRetried && !hasMessage && this.#resends === 0 && isLost(status)
          : isRefused(status);
        if (mayResend && this.#resend(metadata, onMessage)) return;
        this.#deadline?.over();
        if (onRetried !== undefined) {
          retries ||= retriesIn(status.metadata);
          if (retries > 0) onRetried(retries, status);
        }
        this.#end(status.code === Code.OK ? status : corrected(status));
      },
    });
  }

  /** Sends the call again, unless its requests are gone or nobody waits for it any more. */
  #resend(metadata: Metadata, onMessage: (message: unknown) => void): boolean {
    if (this.#over || this.#failure !== undefined || this.#request === undefined) return false;
    if (this.#resends === maxResends) return false;
    const waitMs = this.#resends * resendBackoffMs * (0.5 + Math.random());
    this.#resends += 1;
    this.#resendTimer = setTimeout(() => {
      this.#resendTimer = undefined;
      if (this.#over || this.#request === undefined) return;
      try {
        this.#attempt(metadata, onMessage);
      } catch (error) {
        this.#failure ??= { error };
        this.#end({
          code: Code.CANCELLED,
          details: "the channel is closed",
          metadata: new Metadata(),
        });
        return;
      }
      this.#call?.startRead();
      this.#call?.sendMessageWithContext({}, this.#request);
      this.#call?.halfClose();
    }, waitMs);
    return true;
  }

  /** Has the call end with the caller's signal, and with the call whose handler makes it. */
  #heed(signal: AbortSignal | undefined, parent: CallScope | undefined): void {
    if (this.#over) return;
    const abort = (): void => {
      const cause: unknown = signal?.reason;
      this.#fail(new RpcError(Code.CANCELLED, "the caller cancelled the call", { cause }));
    };
    const abortWithParent = (): void => {
      const cause: unknown = parent?.signal.reason;
      if (cause instanceof RpcError && cause.code === Code.DEADLINE_EXCEEDED && this.#deadline) {
        // Its own deadline, which is no later, is there as well.
        this.#deadline.pass();
        return;
      }
      this.#fail(
        new RpcError(Code.CANCELLED, "the call that this one is for has ended", { cause }),
      );
    };
    this.#ignoreSignals = () => {
      signal?.removeEventListener("abort", abort);
      parent?.signal.removeEventListener("abort", abortWithParent);
    };
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    if (parent?.signal.aborted === true) abortWithParent();
    else parent?.signal.addEventListener("abort", abortWithParent, { once: true });
  }

  /** Throws where the channel is closed. */
  #open(): ReturnType<Channel["createCall"]> {
    const { channel, path } = this.#caller;
    try {
      // The deadline is ours: see TimedMetadata.
      return channel.createCall(path, Infinity, undefined, null, undefined);
    } catch (cause) {
      throw new RpcError(Code.CANCELLED, "the channel is closed", { cause });
    }
  }

  #metadata(endsAt: number): Metadata {
    const { metadata } = this.#options;
    const content = metadata && sendable(metadata);
    if (endsAt === Infinity) return content ?? noMetadata;
    this.#deadline = new CallDeadline(endsAt, this, this.#caller.resets);
    return new TimedMetadata(this.#deadline, content);
  }

  /** Whoever waits gets the status, unless they have got one. */
  #end(status: StatusObject): void {
    if (this.#over) return;
    this.#ignoreSignals?.();
    this.#tell(this.#options.onTrailer, status.metadata);
    this.#finish();
    this.#onStatus?.(status);
  }

  /** What a caller's function throws fails the call, instead of ending the process. */
  #tell(listener: ((metadata: Metadata) => void) | undefined, metadata: Metadata): void {
    try {
      listener?.(metadata);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#failure ??= { error };
    this.#cancel("the caller gave up");
  }

  #cancel(details: string): void {
    this.#call?.cancelWithStatus(Code.CANCELLED, details);
    if (this.#resendTimer === undefined) return;
    // Between two attempts there is no call that would end by that.
    this.#end({ code: Code.CANCELLED, details, metadata: new Metadata() });
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#resendTimer);
    // The answer may come before the last request.
    this.#requests?.stop();
  }
}

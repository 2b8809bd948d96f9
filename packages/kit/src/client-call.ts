import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import { CallDeadline, endOf, type TimedCall } from "./call-deadline.ts";
import type { CallOptions } from "./call-options.ts";
import { type CallScope, currentCall } from "./call-scope.ts";
import { type CallTrace, RecordedTrace } from "./call-trace.ts";
import { traceCall } from "./client-trace.ts";
import { corrected, readable } from "./call-status.ts";
import { heedSignals } from "./heed-signals.ts";
import { MessageQueue } from "./message-queue.ts";
import { sendable } from "./metadata.ts";
import type { MethodCaller } from "./method-caller.ts";
import { type Inputs, RequestStream } from "./request-stream.ts";
import { RpcError } from "./rpc-error.ts";
import { type AnsweredCall, type AnswerReader, SingleAnswer } from "./single-answer.ts";
import type { WireCall, WireHeader, WireListener, WireStatus } from "./wire-call.ts";

/** How often a call is sent again that servers have refused without looking at it: at once, and then after waiting. */
const maxResends = 2;
const resendBackoffMs = 50;

const noOptions: CallOptions = {};

/** One call, without the layers that grpc-js's `Client` puts on each call. */
export class ClientCall implements TimedCall, WireListener, AnsweredCall {
  readonly #caller: MethodCaller;
  readonly #options: CallOptions;
  /** What is sent besides messages: undefined where that is nothing. */
  #metadata: Metadata | undefined;
  #reader: AnswerReader | undefined;
  /** Set once the call has started; on a closed channel it never does. */
  #call: WireCall | undefined;
  #deadline: CallDeadline | undefined;
  #ignoreSignals: (() => void) | undefined;
  /** The only request, encoded, for another attempt. */
  #request: Buffer | undefined;
  #trace: CallTrace | undefined;
  #resends = 0;
  #resendTimer: NodeJS.Timeout | undefined;
  /** How often the call has been tried again on its way. */
  #retries = 0;
  /** By `performance.now()`. */
  #startedAt = 0;
  #hasBegun = false;
  #hasMessage = false;
  #isEnding = false;
  #over = false;
  /** What the caller, and not the server, made the call fail with. */
  #failure: { readonly error: unknown } | undefined;
  #requests: RequestStream | undefined;

  constructor(caller: MethodCaller, options: CallOptions = noOptions) {
    this.#caller = caller;
    this.#options = options;
  }

  /** Starts the call; resolves with the answer once the status has come, rejects unless it is OK. */
  async receiveOne(send: (call: ClientCall) => void): Promise<unknown> {
    const reader = new SingleAnswer(this);
    this.#start(reader);
    this.#call?.startRead();
    send(this);
    const status = await reader.status;
    // Made here, an error's stack names whoever awaits the call.
    if (this.#failure !== undefined) throw this.#failure.error;
    if (status.code !== Code.OK) throw RpcError.fromStatus(status);
    if (!reader.hasMessage) {
      // statuscodes.md: "Response cardinality violation"
      throw new RpcError(Code.UNIMPLEMENTED, "the server sent OK but no message");
    }
    return reader.message;
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
      this.#start({
        onMessage: (message, bytes) => {
          if (queue.push(message, bytes)) this.#call?.startRead();
        },
        onStatus: (status) => {
          if (this.#failure !== undefined) queue.fail(this.#failure.error);
          else if (status.code === Code.OK) queue.end();
          else queue.fail(RpcError.fromStatus(status));
        },
      });
    } catch (error) {
      queue.fail(error);
    }
    this.#call?.startRead();
    return queue;
  }

  /** Asks for one message more. */
  readOn(): void {
    this.#call?.startRead();
  }

  /** Sends the only message. */
  sendOne(input: unknown): void {
    if (this.#over) return;
    try {
      this.#request = this.#caller.encode(input);
      this.#call?.end(this.#request);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends all messages. What their source throws ends the call. */
  async sendAll(inputs: Inputs): Promise<void> {
    if (this.#call === undefined) return;
    this.#requests = new RequestStream(this.#call, this.#caller.encode);
    if (this.#over) this.#requests.stop();
    try {
      await this.#requests.send(inputs);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Its deadline has passed: whoever waits is told so. */
  expire(details: string): void {
    this.#end({ code: Code.DEADLINE_EXCEEDED, details, metadata: new Metadata() });
  }

  /** Nobody waits for it any more. */
  discard(): void {
    this.#call?.cancel("the deadline passed");
  }

  /** Ends the call with an error of the caller's own. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#failure ??= { error };
    this.#cancel("the caller gave up");
  }

  onHeader(header: WireHeader): void {
    this.#hasBegun = true;
    this.#retries = header.retries;
    const { onHeader } = this.#options;
    if (onHeader !== undefined) this.#tell(onHeader, header.metadata);
  }

  onMessage(bytes: Buffer): void {
    this.#hasMessage = true;
    if (this.#over) return;
    let message: unknown;
    try {
      message = this.#caller.decode(bytes);
    } catch (cause) {
      this.fail(new RpcError(Code.INTERNAL, "the answer cannot be decoded", { cause }));
      return;
    }
    this.#reader?.onMessage(message, bytes.length);
  }

  onWritable(): void {
    this.#requests?.goOn();
  }

  onStatus(received: WireStatus): void {
    const status = readable(received, this.#deadline?.endsAt ?? Infinity);
    const { onRetried, isRetried } = this.#caller;
    if (status.code !== Code.OK) {
      const mayResend = this.#hasBegun
        ? isRetried && !this.#hasMessage && this.#resends === 0 && received.isLost
        : received.isRefused;
      if (mayResend && this.#resend()) return;
    }
    this.#deadline?.over();
    this.#retries ||= received.retries;
    if (this.#retries > 0) {
      this.#caller.metrics.retries += this.#retries;
      onRetried?.(this.#retries, status);
    }
    this.#end(status.code === Code.OK ? status : corrected(status));
  }

  #start(reader: AnswerReader): void {
    const { signal, detached, metadata } = this.#options;
    const parent = detached === true ? undefined : currentCall();
    const now = Date.now();
    const endsAt = endOf(this.#caller, this.#options, parent, now);
    this.#reader = reader;
    this.#metadata = metadata && sendable(metadata);
    this.#caller.metrics.started += 1;
    this.#startedAt = performance.now();
    this.#trace = traceCall(this.#caller, this.#metadata);
    if (endsAt < Infinity) {
      this.#deadline = new CallDeadline(endsAt, this, this.#caller);
      if (endsAt <= now) this.#deadline.pass();
    }
    if (signal?.aborted === true || parent?.signal.aborted === true) this.#heed(signal, parent);
    if (this.#over) return;
    try {
      this.#attempt();
    } catch (error) {
      this.#isEnding = true;
      this.#over = true;
      this.#count(Code.CANCELLED);
      throw error;
    }
    const { timeoutMs, deadlines } = this.#caller;
    const isUsual = this.#options.deadline === undefined && this.#options.timeoutMs === undefined;
    // One that a handler's call makes shorter is as far away as no other.
    this.#deadline?.watch(now, isUsual && endsAt - now > timeoutMs - 1 ? deadlines : undefined);
    if (signal !== undefined || parent !== undefined) this.#heed(signal, parent);
  }

  #attempt(): void {
    this.#retries = 0;
    this.#hasBegun = false;
    this.#hasMessage = false;
    this.#call = this.#open();
    const request = { metadata: this.#metadata, timing: this.#deadline, trace: this.#trace };
    this.#call.start(request, this);
  }

  /** Sends the call again, unless its requests are gone or nobody waits for it any more. */
  #resend(): boolean {
    if (this.#over || this.#failure !== undefined || this.#request === undefined) return false;
    if (this.#resends === maxResends) return false;
    const waitMs = this.#resends * resendBackoffMs * (0.5 + Math.random());
    this.#resends += 1;
    this.#resendTimer = setTimeout(() => {
      this.#resendTimer = undefined;
      if (this.#over || this.#request === undefined) return;
      try {
        this.#attempt();
      } catch (error) {
        this.#failure ??= { error };
        this.#deadline?.over();
        this.#end({
          code: Code.CANCELLED,
          details: "the channel is closed",
          metadata: new Metadata(),
        });
        return;
      }
      this.#call?.startRead();
      this.#call?.end(this.#request);
    }, waitMs);
    return true;
  }

  /** Has the call end with the caller's signal, and with the call whose handler makes it. */
  #heed(signal: AbortSignal | undefined, parent: CallScope | undefined): void {
    if (this.#over) return;
    this.#ignoreSignals = heedSignals(signal, parent, (error) => {
      // Its own deadline, which is no later than that of the call it is for, is there as well.
      if (error.code === Code.DEADLINE_EXCEEDED && this.#deadline) this.#deadline.pass();
      else this.fail(error);
    });
  }

  /** Throws where the channel is closed. */
  #open(): WireCall {
    try {
      return this.#caller.open();
    } catch (cause) {
      throw new RpcError(Code.CANCELLED, "the channel is closed", { cause });
    }
  }

  /** Whoever waits gets the status, unless they have got one. */
  #end(status: StatusObject): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#ignoreSignals?.();
    this.#count(status.code);
    const { onTrailer } = this.#options;
    if (onTrailer !== undefined) this.#tell(onTrailer, status.metadata);
    this.#finish();
    this.#reader?.onStatus(status);
  }

  /** It has ended. What its caller made it fail with is what it ended with. */
  #count(code: number): void {
    const error = this.#failure?.error;
    const tookMs = performance.now() - this.#startedAt;
    const ended = error instanceof RpcError ? error.code : code;
    this.#caller.metrics.ended(ended, tookMs);
    if (this.#trace instanceof RecordedTrace) this.#trace.end(ended, this.#retries);
  }

  /** What a caller's function throws fails the call, instead of ending the process. */
  #tell(listener: (metadata: Metadata) => void, metadata: Metadata): void {
    try {
      listener(metadata);
    } catch (error) {
      this.fail(error);
    }
  }

  #cancel(details: string): void {
    this.#call?.cancel(details);
    if (this.#call !== undefined && this.#resendTimer === undefined) return;
    // Before the first attempt, and between two, there is no call that would end by that.
    this.#deadline?.over();
    this.#end({ code: Code.CANCELLED, details, metadata: new Metadata() });
  }

  #finish(): void {
    this.#over = true;
    this.#request = undefined;
    clearTimeout(this.#resendTimer);
    // The answer may come before the last request.
    this.#requests?.stop();
  }
}

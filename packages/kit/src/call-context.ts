import { Metadata } from "@grpc/grpc-js";
import type { Principal } from "./authentication.ts";
import { CallTrace } from "./call-trace.ts";
import { callTracer } from "./call-tracer.ts";
import { clientIdentityOf } from "./client-identity.ts";
import { Code } from "./code.ts";
import { sendable } from "./metadata.ts";
import { codeOf, type MethodPolicy } from "./policy.ts";
import { isSecret, redacted } from "./redaction.ts";
import { RpcError } from "./rpc-error.ts";
import type { ServerCall } from "./server-call.ts";

/**
 * How long before a call's deadline its end still counts as that, in milliseconds. The client's timer
 * runs out as well, and resets the stream; which of the two comes first depends on the way between.
 */
const deadlineJitterMs = 20;

/** What holds for all calls of one method. */
export interface CalledMethod {
  /** The full name of the method's service. */
  readonly service: string;
  /** The method's path. */
  readonly path: string;
  /** What the contract says of it; undefined where it says nothing. */
  readonly policy: MethodPolicy | undefined;
  /** Whether clients show certificates. */
  readonly knowsClients: boolean;
  /** With which statuses clients try a call again. */
  readonly retryableCodes: ReadonlySet<Code>;
}

/** What goes along with a reason. */
export interface ErrorOptions {
  /** What the caller can use to act on it (google.rpc.ErrorInfo); nothing by default. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What caused it: for the log, never for the caller. */
  readonly cause?: unknown;
}

/**
 * What a handler can know and do about the call it answers, besides its messages. What no handler
 * asks for is never made. `Reason` are the reasons that the contract declares for the method.
 */
export class CallContext<Reason extends string = string> {
  /** @internal What holds for all calls of the method. */
  readonly method: CalledMethod;
  /** @internal Whether the call has reached its handler: what ends it before that, no contract declares. */
  handled = false;
  /** @internal Why the stream of requests was refused, whatever the handler makes of it. */
  refusal: RpcError | undefined;
  readonly #call: ServerCall;
  readonly #clientIdentity: string | undefined;
  #principal: Principal | undefined;
  #abort: AbortController | undefined;
  #header: Metadata | undefined;
  #trailer: Metadata | undefined;
  #trace: CallTrace | undefined;
  #end: "answered" | RpcError | undefined;

  constructor(call: ServerCall) {
    const { method } = call;
    this.method = method;
    this.#call = call;
    // Now, as the connection may be gone when somebody asks.
    if (method.knowsClients) this.#clientIdentity = clientIdentityOf(call.stream.session);
  }

  /** The method's path: `/org.product.v1.ProductService/GetProduct`, also where it was called by an alias. */
  get path(): string {
    return this.method.path;
  }

  /**
   * Who calls. Where the server authenticates nobody, or the method is public, that is who the certificate of
   * the connection says, without scopes; undefined where there is none.
   */
  get principal(): Principal | undefined {
    if (this.#principal === undefined) {
      const { clientIdentity: subject } = this;
      if (subject !== undefined) this.#principal = { subject, scopes: new Set() };
    }
    return this.#principal;
  }

  /** Who the certificate of the connection says the client is: a SPIFFE ID or a DNS name; undefined where it has none. */
  get clientIdentity(): string | undefined {
    return this.#clientIdentity;
  }

  /**
   * A failure for one of the reasons that the contract declares for the method, to be thrown: it has the
   * status code of the contract, and reaches the caller as google.rpc.ErrorInfo.
   */
  error(reason: Reason, text: string, { metadata = {}, cause }: ErrorOptions = {}): RpcError {
    const { policy, service: domain } = this.method;
    const shown: Record<string, string> = {};
    for (const [key, value] of Object.entries(metadata)) {
      shown[key] = isSecret(key) ? redacted : value;
    }
    // A reason that is not declared is not let through, whatever its code.
    const code = (policy && codeOf(policy, reason)) ?? Code.UNKNOWN;
    const details = [{ type: "ErrorInfo", value: { reason, domain, metadata: shown } }] as const;
    return new RpcError(code, text, { details, cause });
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
    }
    return this.#abort.signal;
  }

  /**
   * When the call ends: when the client stops waiting, or before that where the contract says so.
   * Undefined where neither sets a deadline.
   */
  get deadline(): Date | undefined {
    const { endsAt } = this;
    return endsAt === Infinity ? undefined : new Date(endsAt);
  }

  /** @internal The same in milliseconds since 1970; Infinity where there is none. */
  get endsAt(): number {
    return this.#call.endsAt;
  }

  /** What the client sent along. */
  get metadata(): Metadata {
    return this.#call.metadata;
  }

  /** The value of the header `authorization`; undefined where there is none. */
  get authorization(): string | undefined {
    return this.#call.headers.authorization;
  }

  /** Who calls: the address and port of the connection's other end. */
  get peer(): string {
    return this.#call.peer;
  }

  /** The ID of the trace that the call belongs to, 32 hexadecimal digits; undefined where it belongs to none. */
  get traceId(): string | undefined {
    return this.trace?.traceId;
  }

  /** @internal Where it is in that trace, as it is passed on. */
  get trace(): CallTrace | undefined {
    if (this.#trace === undefined) {
      const { headers } = this.#call;
      const tracer = callTracer();
      this.#trace =
        this.#call.open.trace ??
        (tracer === undefined ? CallTrace.received(headers) : tracer.unrecorded(headers));
    }
    return this.#trace;
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

  /** @internal The header, if the handler has asked for it, and it was not sent. */
  get headerIfAny(): Metadata | undefined {
    return this.#header && sendable(this.#header);
  }

  /** @internal Why nobody waits for the answer any more; undefined while somebody does. */
  get aborted(): RpcError | undefined {
    if (this.#end === undefined && this.#call.isOver) this.over();
    return this.#end instanceof RpcError ? this.#end : undefined;
  }

  /** @internal The same, also where the deadline has passed and no timer has said so yet. */
  get ended(): RpcError | undefined {
    return this.aborted ?? (this.endsAt <= Date.now() ? deadlinePassed() : undefined);
  }

  /** @internal Whether the answer is on its way. */
  get isAnswered(): boolean {
    return this.#end === "answered";
  }

  /** @internal Sends the header, if the handler has asked for it: early headers would rule out a retry. */
  sendHeader(): void {
    if (this.#header === undefined) return;
    this.#call.sendHeader(sendable(this.#header));
    this.#header = undefined;
  }

  /** @internal Who calls, once that is known. */
  authenticated(principal: Principal): void {
    this.#principal = principal;
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

  /** @internal The call is over on the wire. No more is known than that, so the reason is worked out. */
  over(): void {
    if (this.#end !== undefined) return;
    const late = this.endsAt <= Date.now() + deadlineJitterMs;
    this.abort(
      late ? deadlinePassed() : new RpcError(Code.CANCELLED, "the client cancelled the call"),
    );
  }
}

function deadlinePassed(): RpcError {
  return new RpcError(Code.DEADLINE_EXCEEDED, "the deadline passed");
}

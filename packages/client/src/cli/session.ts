import type { Readable, Writable } from "node:stream";
import {
  type CallOptions,
  type ClientTls,
  createChannel,
  RpcError,
  type Token,
} from "@org/kit/client";
import { type Clients, connect, type Services } from "../connect.ts";
import type { Output } from "./output.ts";

/** What a command works with, as the global options and the terminal have it. */
export interface SessionOptions {
  /** Where each service is. */
  readonly targets: Readonly<Record<keyof Services, string>>;
  /** How long a call may take, where the user says so. */
  readonly timeoutMs: number | undefined;
  /** What the services recognise the user by; undefined for nothing. */
  readonly token: Token | undefined;
  /** How the services are connected to; undefined for plaintext. */
  readonly tls: ClientTls | undefined;
  readonly output: Output;
  readonly stdin: Readable;
  /** Aborted when the user presses Ctrl-C. */
  readonly signal: AbortSignal;
  /** Where to show progress; undefined where nobody would see it. */
  readonly progressStream: Writable | undefined;
}

type Channel = ReturnType<typeof createChannel>;

/** A call that failed, and the target it was made to. */
export class CallFailure extends Error {
  static {
    CallFailure.prototype.name = "CallFailure";
  }

  readonly error: RpcError;
  readonly target: string;

  constructor(error: RpcError, target: string) {
    super(error.message, { cause: error });
    this.error = error;
    this.target = target;
  }

  /** The status' text. */
  get text(): string {
    return this.error.text;
  }
}

/** One run of a command: its options, its output, its calls, and how it ends. */
export class Session {
  readonly targets: SessionOptions["targets"];
  readonly timeoutMs: number | undefined;
  readonly token: Token | undefined;
  readonly tls: ClientTls | undefined;
  readonly output: Output;
  readonly stdin: Readable;
  readonly signal: AbortSignal;
  readonly progressStream: Writable | undefined;
  /** What the process ends with, where the command does not fail by an error. */
  exitCode: 0 | 1 = 0;
  #clients: Clients | undefined;
  readonly #channels: Channel[] = [];

  constructor(options: SessionOptions) {
    this.targets = options.targets;
    this.timeoutMs = options.timeoutMs;
    this.token = options.token;
    this.tls = options.tls;
    this.output = options.output;
    this.stdin = options.stdin;
    this.signal = options.signal;
    this.progressStream = options.progressStream;
  }

  /** What each call is told: to end with the session and, where the user says so, in time. */
  get callOptions(): CallOptions {
    const { signal, timeoutMs } = this;
    return timeoutMs === undefined ? { signal } : { signal, timeoutMs };
  }

  /** The clients of both services. */
  get clients(): Clients {
    const { targets, token, tls } = this;
    this.#clients ??= connect({ ...targets, ...(token && { token }), ...(tls && { tls }) });
    return this.#clients;
  }

  /** Makes calls to one of the services. A failed one throws a {@link CallFailure}. */
  async call<K extends keyof Services, T>(
    service: K,
    work: (client: Services[K]) => Promise<T>,
  ): Promise<T> {
    return await onTarget(this.targets[service], () => work(this.clients[service]));
  }

  /** Makes calls to any target. A failed one throws a {@link CallFailure}. */
  async callTarget<T>(target: string, work: (channel: Channel) => Promise<T>): Promise<T> {
    const { tls } = this;
    const channel = createChannel({ target, ...(tls && { tls }) });
    this.#channels.push(channel);
    return await onTarget(target, () => work(channel));
  }

  /** Closes all connections. */
  close(): void {
    this.#clients?.close();
    for (const channel of this.#channels) channel.close();
  }
}

async function onTarget<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof RpcError ? new CallFailure(error, target) : error;
  }
}

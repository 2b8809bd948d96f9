import type { StatusObject } from "@grpc/grpc-js";
import type { CallMetrics } from "./call-metrics.ts";
import type { DeadlineQueue } from "./deadline-queue.ts";
import type { StreamResets } from "./stream-resets.ts";
import type { WireCall } from "./wire-call.ts";

/** What one method needs to be called. Made once, with the client. */
export interface MethodCaller {
  /** Begins a call on the channel. Throws where that is closed. */
  readonly open: () => WireCall;
  /** The method's path. */
  readonly path: string;
  /** Where the channel leads. */
  readonly target: string;
  /** How long a call may take that does not say, in milliseconds. */
  readonly timeoutMs: number;
  /** How long any call may take, in milliseconds. */
  readonly maxTimeoutMs: number;
  /** What is counted of its calls. */
  readonly metrics: CallMetrics;
  /** What becomes of the channel's streams whose calls are over. */
  readonly resets: StreamResets;
  /** For the calls that take `timeoutMs`; undefined where that is for ever. */
  readonly deadlines: DeadlineQueue | undefined;
  /** Whether the contract has its calls tried again. */
  readonly isRetried: boolean;
  /** Told of a call that ended after retries; undefined where there is nobody to tell, or nothing is retried. */
  readonly onRetried: ((retries: number, status: StatusObject) => void) | undefined;
  /** The message with its prefix. */
  readonly encode: (message: unknown) => Buffer;
  readonly decode: (bytes: Buffer) => unknown;
}

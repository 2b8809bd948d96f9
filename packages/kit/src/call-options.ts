import type { Metadata } from "@grpc/grpc-js";

/** What one call can be told besides its messages. */
export interface CallOptions {
  /** When to give up, or earlier where the contract allows less. It wins over `timeoutMs`. */
  readonly deadline?: Date;
  /** After how many milliseconds to give up: at most as many as the contract allows; Infinity for those. */
  readonly timeoutMs?: number;
  /** Cancels the call when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * Whether the call goes on when the call ends whose handler makes it. By default it does not: it has no
   * more time than that one has left, and is cancelled with it.
   */
  readonly detached?: boolean;
  /** What to send along; nothing by default. */
  readonly metadata?: Metadata;
  /** Gets the metadata that come before the first message. */
  readonly onHeader?: (header: Metadata) => void;
  /** Gets the metadata that come after the last message, whatever the call's status. */
  readonly onTrailer?: (trailer: Metadata) => void;
}

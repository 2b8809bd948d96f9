import type { Metadata } from "@grpc/grpc-js";
import type { CallTrace } from "./call-trace.ts";
import type { Code } from "./code.ts";
import type { CallTiming } from "./timed-metadata.ts";

/** What comes before the first message. */
export interface WireHeader {
  readonly metadata: Metadata;
  /** How often the call had been tried before this attempt. */
  readonly retries: number;
}

/** How a call has ended. */
export interface WireStatus {
  /** Undefined where the answer was compressed in a way that nobody knows: see `readable`. */
  readonly code: Code | undefined;
  readonly details: string;
  readonly metadata: Metadata;
  /** How often the call had been tried before its last attempt. */
  readonly retries: number;
  /**
   * Whether the server has not looked at the call at all, as when it was sent on a connection that was being closed
   * (RFC 9113, section 8.7): whatever its method does, it may be sent again.
   */
  readonly isRefused: boolean;
  /** Whether the connection was lost, and nothing is known of the call. */
  readonly isLost: boolean;
}

/** What a call tells whoever made it. */
export interface WireListener {
  onHeader(header: WireHeader): void;
  /** A message has come that {@link WireCall.startRead} had asked for. It is valid for as long as it is held. */
  onMessage(bytes: Buffer): void;
  /** More can be sent, after {@link WireCall.send} had answered false. */
  onWritable(): void;
  /** The call is over. Nothing follows. */
  onStatus(status: WireStatus): void;
}

/** What is sent besides messages. */
export interface WireRequest {
  readonly metadata: Metadata | undefined;
  /** The call's deadline, of which the server is told; undefined where there is none. */
  readonly timing: CallTiming | undefined;
  /** Where the call is in a trace; undefined where it is in none. */
  readonly trace: CallTrace | undefined;
}

/** A call on its way through a channel, whoever makes its HTTP/2 stream. Once it is over, it does nothing any more. */
export interface WireCall {
  start(request: WireRequest, listener: WireListener): void;
  /** Asks for one message more. */
  startRead(): void;
  /** Sends a message with its prefix. False where the next one has to wait until the listener is told. */
  send(framed: Buffer): boolean;
  /** Ends the requests, with a last one where there is one. */
  end(framed?: Buffer): void;
  /** Ends the call with CANCELLED. */
  cancel(details: string): void;
}

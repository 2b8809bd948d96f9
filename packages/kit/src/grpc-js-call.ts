import { type Channel, Metadata, type StatusObject } from "@grpc/grpc-js";
import { isLost, isRefused, retriesIn } from "./call-status.ts";
import type { CallTrace } from "./call-trace.ts";
import { Code } from "./code.ts";
import { prefixBytes } from "./frame-reader.ts";
import { TimedMetadata } from "./timed-metadata.ts";
import type { WireCall, WireHeader, WireListener, WireRequest, WireStatus } from "./wire-call.ts";

/** grpc-js clones what it is given before it adds to it, so that all calls can share this one. */
const noMetadata = new Metadata();

/** A call that grpc-js makes, with all of its layers. */
export class GrpcJsCall implements WireCall {
  readonly #call: ReturnType<Channel["createCall"]>;
  #listener: WireListener | undefined;

  /** Throws where the channel is closed. */
  constructor(channel: Channel, path: string) {
    // The deadline is ours: see TimedMetadata.
    this.#call = channel.createCall(path, Infinity, undefined, null, undefined);
  }

  start({ metadata, timing, trace }: WireRequest, listener: WireListener): void {
    this.#listener = listener;
    const own = trace === undefined ? metadata : withTrace(metadata, trace);
    const sent = timing === undefined ? own : new TimedMetadata(timing, own);
    this.#call.start(sent ?? noMetadata, {
      onReceiveMetadata: (header) => {
        listener.onHeader(new ReceivedHeader(header));
      },
      onReceiveMessage: (bytes: Buffer) => {
        listener.onMessage(bytes);
      },
      onReceiveStatus: (status) => {
        listener.onStatus(new ReceivedStatus(status));
      },
    });
  }

  startRead(): void {
    this.#call.startRead();
  }

  /**
   * grpc-js has room for one message at a time: it forgets the one before while the connection is being made, and
   * half-closes ahead of the ones behind.
   */
  send(framed: Buffer): boolean {
    const callback = (): void => {
      this.#listener?.onWritable();
    };
    this.#call.sendMessageWithContext({ callback }, framed.subarray(prefixBytes));
    return false;
  }

  end(framed?: Buffer): void {
    if (framed !== undefined) {
      this.#call.sendMessageWithContext({}, framed.subarray(prefixBytes));
    }
    this.#call.halfClose();
  }

  cancel(details: string): void {
    this.#call.cancelWithStatus(Code.CANCELLED, details);
  }
}

function withTrace(metadata: Metadata | undefined, trace: CallTrace): Metadata {
  const { traceparent, tracestate } = trace;
  const both = new Metadata(metadata?.getOptions());
  if (metadata !== undefined) both.merge(metadata);
  both.set("traceparent", traceparent);
  if (tracestate !== undefined) both.set("tracestate", tracestate);
  return both;
}

class ReceivedHeader implements WireHeader {
  readonly metadata: Metadata;

  constructor(metadata: Metadata) {
    this.metadata = metadata;
  }

  get retries(): number {
    return retriesIn(this.metadata);
  }
}

class ReceivedStatus implements WireStatus {
  readonly code: Code | undefined;
  readonly details: string;
  readonly metadata: Metadata;

  constructor({ code, details = "", metadata = new Metadata() }: Partial<StatusObject>) {
    this.code = code;
    this.details = details;
    this.metadata = metadata;
  }

  get retries(): number {
    return retriesIn(this.metadata);
  }

  get isRefused(): boolean {
    const { code, details, metadata } = this;
    return code !== undefined && isRefused({ code, details, metadata });
  }

  get isLost(): boolean {
    const { code, details, metadata } = this;
    return code !== undefined && isLost({ code, details, metadata });
  }
}

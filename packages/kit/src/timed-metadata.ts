import { Metadata } from "@grpc/grpc-js";

const timeoutKey = "grpc-timeout";

/** When a call ends, and whether anything of it has been sent. */
export interface CallTiming {
  /** The deadline, in milliseconds since 1970. */
  readonly endsAt: number;
  /** Called each time the call is about to be sent: more than once where it is retried. */
  onSend(): void;
}

/**
 * Metadata that say how much time is left when they are sent. grpc-js can do that, too, but then resets the
 * stream of each call whose deadline passes, and servers on Node take few resets
 * (https://nodejs.org/api/http2.html#http2createserveroptions-onrequesthandler, `streamResetRate`).
 */
export class TimedMetadata extends Metadata {
  readonly #timing: CallTiming;

  constructor(timing: CallTiming, content: Metadata | undefined) {
    super(content?.getOptions());
    this.#timing = timing;
    if (content !== undefined) this.merge(content);
  }

  /** grpc-js sends copies. */
  override clone(): TimedMetadata {
    return new TimedMetadata(this.#timing, this);
  }

  override toHttp2Headers(): ReturnType<Metadata["toHttp2Headers"]> {
    this.#timing.onSend();
    const headers = super.toHttp2Headers();
    headers[timeoutKey] = timeoutHeader(this.#timing.endsAt - Date.now());
    return headers;
  }
}

/** At most eight digits and a unit: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export function timeoutHeader(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  return whole < 1e8 ? `${whole}m` : `${Math.ceil(whole / 1000)}S`;
}

import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { AdaptiveLimit } from "./adaptive-limit.ts";
import { Code } from "./code.ts";
import type { GatedMethod } from "./gated-method.ts";
import { maxHeaderBytes } from "./http2-limits.ts";
import type { Logger } from "./logger.ts";
import type { OpenCall } from "./open-call.ts";
import type { OpenCalls } from "./open-calls.ts";
import { parseTimeout } from "./parse-timeout.ts";
import { Refusal } from "./refusal.ts";
import { sparingly } from "./sparingly.ts";
import type { Turns } from "./turns.ts";

/**
 * How long handlers may wait for their turn before more calls are refused, in milliseconds: what is too much is
 * otherwise found out by how long calls take, which needs some that are over.
 */
const maxDelayMs = 1_000;

/** What a gate goes by. */
export interface CallGateOptions {
  readonly calls: OpenCalls;
  readonly turns: Turns;
  /** How many calls are worked on; undefined where that does not depend on how long they take. */
  readonly limit: AdaptiveLimit | undefined;
  readonly methods: ReadonlyMap<string, GatedMethod>;
  /** What a call of no method is. */
  readonly unknown: GatedMethod;
  readonly maxConcurrentCalls: number;
  /** Whether a call is refused that has less time left than half of the calls of its method need. */
  readonly refusesHopeless: boolean;
  readonly logger: Logger;
}

const tooManyCalls = Refusal.forNow(
  Code.UNAVAILABLE,
  "the server has too many calls at the moment",
);
const overloaded = Refusal.forNow(Code.UNAVAILABLE, "the server is overloaded at the moment");
const tooLargeHeaders = Refusal.final(
  Code.RESOURCE_EXHAUSTED,
  `the headers have more than ${maxHeaderBytes} bytes`,
);
const hopeless = Refusal.forNow(
  Code.UNAVAILABLE,
  "the call has less time left than calls of its method need at the moment",
);

/** The names of what calls are refused for, in the metrics. */
const reasons: ReadonlyMap<Refusal, string> = new Map([
  [tooManyCalls, "too_many_calls"],
  [overloaded, "overloaded"],
  [tooLargeHeaders, "too_large_headers"],
  [hopeless, "hopeless"],
]);

/**
 * What a call meets first, as soon as its headers are there. What is refused here has cost neither a look at its
 * request nor a handler: a server that has ten times the calls it can answer spends its time on those that it takes.
 */
export class CallGate {
  readonly #options: CallGateOptions;
  readonly #log: (fields: Readonly<Record<string, unknown>>) => void;

  constructor(options: CallGateOptions) {
    this.#options = options;
    this.#log = sparingly((fields) => {
      options.logger.warn(fields, "calls are refused");
    });
  }

  /** Lets a call in. One that is not has been answered; undefined then. */
  admit(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): OpenCall | undefined {
    // Reset by its client in the packet that it came in, or one behind it.
    if (stream.destroyed || stream.closed) {
      stream.on("error", () => undefined);
      return undefined;
    }
    const { calls, methods, unknown } = this.#options;
    const method = methods.get(headers[":path"] ?? "") ?? unknown;
    const refusal = this.#refuse(method, stream, headers);
    if (refusal === undefined) return calls.add(stream, method);
    method.metrics.refuse(refusal.code, reasons.get(refusal) ?? "other");
    refusal.send(stream);
    return undefined;
  }

  #refuse(
    method: GatedMethod,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): Refusal | undefined {
    // Node.js enforces it once the client has agreed to it, which some never do (RFC 9113, section 6.5.3).
    if (stream.session?.pendingSettingsAck === true && sizeOf(headers) > maxHeaderBytes) {
      return tooLargeHeaders;
    }
    // Health checks are bounded by themselves.
    if (method.kind === "health") return undefined;
    const { calls, turns, limit, maxConcurrentCalls, refusesHopeless } = this.#options;
    const { path, costClass, latency } = method;
    // Whoever begins calls and does not go on keeps nobody out.
    if (calls.size >= maxConcurrentCalls && !calls.makeRoom(tooManyCalls)) {
      this.#log({ path, maxConcurrentCalls });
      return tooManyCalls;
    }
    if (limit !== undefined) {
      const { delayMs } = turns;
      if (delayMs > maxDelayMs || !limit.admits(costClass, calls.arriving)) {
        this.#log({
          path,
          calls: limit.active,
          limit: Math.round(limit.limit),
          delayMs: Math.round(delayMs),
        });
        return overloaded;
      }
    }
    if (refusesHopeless && parseTimeout(headers["grpc-timeout"]) < latency.median) {
      this.#log({ path, medianMs: Math.round(latency.median) });
      return hopeless;
    }
    return undefined;
  }
}

/** How large headers are, as HTTP/2 counts them (RFC 9113, section 6.5.2). */
function sizeOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    for (const each of Array.isArray(value) ? value : [value ?? ""]) {
      bytes += name.length + each.length + 32;
    }
  }
  return bytes;
}

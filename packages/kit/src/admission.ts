import { AdaptiveLimit } from "./adaptive-limit.ts";
import { CallGate } from "./call-gate.ts";
import { serverCallsOf } from "./call-metrics.ts";
import type { MethodKind } from "./definition.ts";
import type { Answer, GatedMethod } from "./gated-method.ts";
import type { Logger } from "./logger.ts";
import { OpenCalls } from "./open-calls.ts";
import type { MethodPolicy } from "./policy.ts";
import { Turns } from "./turns.ts";

/** How long others may delay a call: this part of its timeout, within these bounds in milliseconds. */
const delayShare = 0.1;
const minDelayMs = 20;
const maxDelayMs = 1_000;

/** Where no contract gives it a timeout. */
const defaultDelayMs = 500;

/** How large a health check may be, in bytes: it has the name of a service. */
export const maxHealthBytes = 1_024;

const healthPaths = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];

/** By what calls are let in. */
export interface AdmissionOptions {
  /** How large a request may be, whatever the contract says, in bytes. */
  readonly maxRequestBytes: number;
  readonly maxConcurrentCalls: number;
  /** How long the next bytes of a request may take, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Whether calls are refused while those that are there take much longer than usual. */
  readonly shedsLoad: boolean;
  /** Whether a call is refused that has less time left than half of the calls of its method need. */
  readonly refusesHopeless: boolean;
  readonly logger: Logger;
}

/** Decides which calls a server takes: the gate before its methods, and what that has to know. */
export class Admission {
  readonly calls: OpenCalls;
  readonly turns: Turns = new Turns();
  readonly gate: CallGate;
  readonly #limit: AdaptiveLimit;
  readonly #maxRequestBytes: number;
  readonly #methods = new Map<string, GatedMethod>();

  constructor(options: AdmissionOptions) {
    const { maxRequestBytes, maxConcurrentCalls, requestTimeoutMs } = options;
    const { shedsLoad, refusesHopeless, logger } = options;
    // grpc-js's way to say that there is no limit.
    this.#maxRequestBytes = maxRequestBytes === -1 ? Infinity : maxRequestBytes;
    // So that no class is refused for its share of the limit while there is no overload.
    this.#limit = new AdaptiveLimit(2 * maxConcurrentCalls);
    this.calls = new OpenCalls({
      limit: this.#limit,
      requestTimeoutMs,
      maxRequestBytes: this.#maxRequestBytes,
    });
    for (const path of healthPaths) {
      const method = this.#method(path, "health", undefined);
      this.#methods.set(path, { ...method, maxRequestBytes: maxHealthBytes });
    }
    this.gate = new CallGate({
      calls: this.calls,
      turns: this.turns,
      limit: shedsLoad ? this.#limit : undefined,
      methods: this.#methods,
      unknown: this.#method("other", "unknown", undefined),
      maxConcurrentCalls,
      refusesHopeless,
      logger,
    });
  }

  /** How many unary calls are worked on at a time before more are refused. */
  get callLimit(): number {
    return this.#limit.limit;
  }

  /**
   * Calls of any of these paths, of which the first is the method's own, are of a method with this policy. Throws where
   * one of them is answered already.
   */
  add(
    paths: readonly string[],
    kind: MethodKind,
    policy: MethodPolicy | undefined,
    answer: Answer,
  ): void {
    const method = { ...this.#method(paths[0] ?? "", kind, policy), answer };
    for (const path of paths) {
      if (this.#methods.has(path)) throw new Error(`${path} is answered by two services`);
      this.#methods.set(path, method);
    }
  }

  #method(path: string, kind: GatedMethod["kind"], policy: MethodPolicy | undefined): GatedMethod {
    return {
      path,
      kind,
      costClass: policy?.costClass ?? "NORMAL",
      maxRequestBytes: Math.min(policy?.maxRequestBytes ?? Infinity, this.#maxRequestBytes),
      latency: this.#limit.method(delayOf(policy)),
      answer: undefined,
      metrics: serverCallsOf(path),
    };
  }
}

function delayOf(policy: MethodPolicy | undefined): number {
  if (policy === undefined) return defaultDelayMs;
  return Math.min(maxDelayMs, Math.max(minDelayMs, policy.defaultTimeoutMs * delayShare));
}

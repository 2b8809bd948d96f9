import type { Code } from "./code.ts";
import type { MethodDefinition, ServiceDefinition } from "./definition.ts";

/** How much work a call is, next to those of other methods. */
export type CostClass = "LIGHT" | "NORMAL" | "HEAVY";

/** What the contract says of a method besides its messages, as protoc-gen-contract generates it. */
export interface MethodPolicy {
  /** What a caller has to have been granted, all of them; none where the method is public. */
  readonly scopes: readonly string[];
  /** Whether anyone may call it, without authentication too. */
  readonly public: boolean;
  /** After how many milliseconds a call ends whose caller set no deadline. */
  readonly defaultTimeoutMs: number;
  /** After how many milliseconds a call ends, whatever deadline its caller set. */
  readonly maxTimeoutMs: number;
  /** Whether a call may be sent again: not where it is UNKNOWN. */
  readonly idempotency: "NO_SIDE_EFFECTS" | "IDEMPOTENT" | "UNKNOWN";
  /** Whether a message of a request stream that breaks a rule ends the call, or is the handler's to answer. */
  readonly invalidMessages: "REFUSE" | "ANSWER";
  /** How large a request, or each message of a request stream, may be, in bytes; 262,144 by default. */
  readonly maxRequestBytes?: number;
  /** How much work a call is: under overload, heavy ones are refused first and light ones last; `NORMAL` by default. */
  readonly costClass?: CostClass;
  /** Why a call may fail, each with its status code. */
  readonly reasons: Readonly<Record<string, Code>>;
}

/** gRPC's retry policy and throttling (https://github.com/grpc/proposal/blob/master/A6-client-retries.md). */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly backoffMultiplier: number;
  readonly retryableCodes: readonly Code[];
  readonly throttling: { readonly maxTokens: number; readonly tokenRatio: number };
}

/** What the contract says of all methods of a service. */
export interface ServicePolicy {
  /** Former full names that the service is answered by as well. */
  readonly aliases: readonly string[];
  /** How calls of idempotent methods are retried; without it, none are. */
  readonly retry?: RetryPolicy;
  /** The names of fields that must never be logged. */
  readonly redactedNames: readonly string[];
}

/** The status code of a reason; undefined for one that is not declared. */
export function codeOf({ reasons }: MethodPolicy, reason: string): Code | undefined {
  return Object.hasOwn(reasons, reason) ? reasons[reason] : undefined;
}

/** The reasons that a method may fail with; none for a method without a policy. */
export type ReasonOf<M extends MethodDefinition> = M extends {
  readonly policy: { readonly reasons: infer Reasons };
}
  ? Extract<keyof Reasons, string>
  : never;

/** The reasons that the methods of a service may fail with. */
export type ReasonsOf<D extends ServiceDefinition> = {
  [K in keyof D["methods"]]: ReasonOf<D["methods"][K]>;
}[keyof D["methods"]];

import {
  type DescField,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  type Registry,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import type { Report } from "./contract-problem.ts";

/** One way in which a method fails. */
export interface Reason {
  readonly name: string;
  /** The status code's number. */
  readonly code: number;
  readonly description: string;
}

/** Who may call a method, for how long, and how it fails. */
export interface MethodPolicy {
  /** What the caller has to have been granted; none for a method that is public. */
  readonly scopes: readonly string[];
  readonly public: boolean;
  readonly defaultTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly idempotency: "NO_SIDE_EFFECTS" | "IDEMPOTENT" | "UNKNOWN";
  readonly invalidMessages: "REFUSE" | "ANSWER";
  readonly maxRequestBytes: number;
  readonly costClass: "LIGHT" | "NORMAL" | "HEAVY";
  readonly reasons: readonly Reason[];
}

/** How calls of idempotent methods are retried. */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly backoffMultiplier: number;
  readonly retryableCodes: readonly number[];
  readonly throttling: { readonly maxTokens: number; readonly tokenRatio: number };
}

/** What the methods of a service have in common. */
export interface ServicePolicy {
  readonly aliases: readonly string[];
  readonly retry: RetryPolicy | undefined;
}

/** The status codes of gRPC, by number. */
export const codeNames: readonly string[] = [
  ...["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"],
  ...["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"],
  ...["ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
  "UNAUTHENTICATED",
];

/** A timer of Node.js has 31 bits of milliseconds. */
const maxTimeoutDays = 24;
const maxTimeoutMs = maxTimeoutDays * 24 * 60 * 60 * 1000;

/** The limits of a request where none is said and at the most, in bytes: 256 KiB, 64 MiB. */
const defaultMaxRequestBytes = 256 * 1024;
const largestMaxRequestBytes = 64 * 1024 * 1024;

/** What is not there, zod would call an invalid input. */
const orMissing = {
  error: ({ input }: { input?: unknown }) => (input === undefined ? "is missing" : undefined),
};

const duration = z
  .object({ seconds: z.bigint(), nanos: z.number() }, orMissing)
  .transform(({ seconds, nanos }) => Number(seconds) * 1000 + nanos / 1_000_000);

const code = z
  .number()
  .refine((number) => number > 0 && number < codeNames.length, "must be a status code, and not OK");

const scope = z
  .string()
  .regex(/^[A-Za-z0-9._:/-]+$/, "must be made of letters, digits and any of . _ : / -");

const fullName = z
  .string()
  .regex(/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/, "must be the full name of a service");

const reason = z.object({
  name: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,61}[A-Z0-9]$/, "must be in UPPER_SNAKE_CASE, 2 to 63 characters"),
  code,
  description: z.string().min(1, "is required"),
});

const costClasses = ["NORMAL", "LIGHT", "HEAVY"] as const;

const methodOption = z.object({
  scopes: z.array(scope),
  public: z.boolean(),
  defaultTimeout: duration.optional(),
  maxTimeout: duration.optional(),
  reasons: z.array(reason),
  invalidMessages: z.literal([0, 1]),
  maxRequestBytes: z
    .number()
    .max(largestMaxRequestBytes, `must be at most ${largestMaxRequestBytes} (64 MiB)`)
    .transform((bytes) => (bytes === 0 ? defaultMaxRequestBytes : bytes)),
  costClass: z.literal([0, 1, 2]).transform((number) => costClasses[number]),
});

const tokens = "must be 1 to 1,000";
const serviceOption = z.object({
  aliases: z.array(fullName),
  retry: z
    .object({
      maxAttempts: z.number().min(2, "must be 2 to 5").max(5, "must be 2 to 5"),
      initialBackoff: duration.refine((ms) => ms > 0, "must be more than nothing"),
      maxBackoff: duration.refine((ms) => ms > 0, "must be more than nothing"),
      backoffMultiplier: z.number().positive("must be more than 0"),
      retryableCodes: z.array(code).min(1, "must name a status code"),
      throttling: z.object(
        {
          maxTokens: z.number().min(1, tokens).max(1000, tokens),
          tokenRatio: z.number().min(0.001, "must be at least 0.001"),
        },
        orMissing,
      ),
    })
    .optional(),
});

/**
 * Reads the policy of a method. Without scopes or `public`, or without its two timeouts, it has none:
 * that is reported, as is everything else that makes no sense.
 */
export function methodPolicyOf(
  method: DescMethod,
  registry: Registry,
  report: Report,
): MethodPolicy | undefined {
  const extension = registry.getExtension("org.contract.v1.method");
  const rule = "(org.contract.v1.method)";
  if (extension === undefined || !hasOption(method, extension)) {
    report(method, rule, "is missing: every method says who may call it, and for how long");
    return undefined;
  }
  const parsed = methodOption.safeParse(getOption(method, extension));
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      report(method, `${rule}.${snakePath(path)}`, message);
    }
    return undefined;
  }
  const { scopes, public: isPublic, defaultTimeout, maxTimeout, reasons } = parsed.data;
  const { maxRequestBytes, costClass } = parsed.data;
  const problems: [string, string][] = [];
  if (isPublic && scopes.length > 0) problems.push(["public", "contradicts `scopes`"]);
  if (!isPublic && scopes.length === 0) {
    problems.push([
      "scopes",
      "is missing: name the scopes that a caller needs, or say `public: true`",
    ]);
  }
  for (const [name, ms] of [
    ["default_timeout", defaultTimeout],
    ["max_timeout", maxTimeout],
  ] as const) {
    if (ms === undefined) problems.push([name, "is missing: no call may run for ever"]);
    else if (ms < 1) problems.push([name, "must be at least a millisecond"]);
    else if (ms > maxTimeoutMs) problems.push([name, `must be at most ${maxTimeoutDays} days`]);
  }
  if (defaultTimeout !== undefined && maxTimeout !== undefined && defaultTimeout > maxTimeout) {
    problems.push(["default_timeout", "must not be more than `max_timeout`"]);
  }
  for (const each of repeated(scopes)) problems.push(["scopes", `names ${each} twice`]);
  for (const each of repeated(reasons.map(({ name }) => name))) {
    problems.push(["reasons", `names ${each} twice`]);
  }
  const answersInvalid = parsed.data.invalidMessages === 1;
  const isStream =
    method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  if (answersInvalid && !isStream) {
    problems.push(["invalid_messages", "can only be answered where the requests are a stream"]);
  }
  for (const [name, problem] of problems) report(method, `${rule}.${name}`, problem);
  if (problems.length > 0 || defaultTimeout === undefined || maxTimeout === undefined) {
    return undefined;
  }
  return {
    scopes,
    public: isPublic,
    defaultTimeoutMs: defaultTimeout,
    maxTimeoutMs: maxTimeout,
    idempotency: idempotencyOf(method),
    invalidMessages: answersInvalid ? "ANSWER" : "REFUSE",
    maxRequestBytes,
    costClass,
    reasons,
  };
}

/** Reads the policy of a service. What makes no sense is reported. */
export function servicePolicyOf(
  service: DescService,
  registry: Registry,
  report: Report,
): ServicePolicy {
  const extension = registry.getExtension("org.contract.v1.service");
  if (extension === undefined || !hasOption(service, extension)) {
    return { aliases: [], retry: undefined };
  }
  const parsed = serviceOption.safeParse(getOption(service, extension));
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      report(service, `(org.contract.v1.service).${snakePath(path)}`, message);
    }
    return { aliases: [], retry: undefined };
  }
  const { aliases, retry } = parsed.data;
  for (const alias of repeated([service.typeName, ...aliases])) {
    report(
      service,
      "(org.contract.v1.service).aliases",
      `${alias} is another of its names already`,
    );
  }
  if (retry === undefined) return { aliases, retry };
  const { initialBackoff, maxBackoff, ...rest } = retry;
  return {
    aliases,
    retry: { ...rest, initialBackoffMs: initialBackoff, maxBackoffMs: maxBackoff },
  };
}

const fieldOption = z.object({ expected: z.string() });

/** Makes what tells, in words, what a field has to be. */
export function expectedIn(registry: Registry): (field: DescField) => string | undefined {
  const extension = registry.getExtension("org.contract.v1.field");
  return (field) => {
    if (extension === undefined || !hasOption(field, extension)) return undefined;
    const { expected } = fieldOption.parse(getOption(field, extension));
    return expected === "" ? undefined : expected;
  };
}

function idempotencyOf(method: DescMethod): MethodPolicy["idempotency"] {
  switch (method.idempotency) {
    case Idempotency.NO_SIDE_EFFECTS:
      return "NO_SIDE_EFFECTS";
    case Idempotency.IDEMPOTENT:
      return "IDEMPOTENT";
    default:
      return "UNKNOWN";
  }
}

/** What a list has more than once. */
function repeated(list: readonly string[]): Set<string> {
  return new Set(list.filter((each, index) => list.indexOf(each) !== index));
}

function snakePath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => String(part).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    .join(".");
}

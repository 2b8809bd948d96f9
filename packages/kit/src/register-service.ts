import type { IncomingHttpHeaders } from "node:http2";
import { AnswerEncoder } from "./answer-encoder.ts";
import type { Admission } from "./admission.ts";
import { admitByScopes, type Authenticate } from "./authentication.ts";
import { Code } from "./code.ts";
import { decoderOf, kindOf, pathOf } from "./definition.ts";
import { createErrorBoundary } from "./error-boundary.ts";
import type { Service } from "./implement.ts";
import type { LiveCalls } from "./live-calls.ts";
import type { Logger } from "./logger.ts";
import type { UntypedHandler } from "./method-runtime.ts";
import { admitByRate, type RateLimit } from "./rate-limit.ts";
import { serverMethods } from "./server-methods.ts";
import { sparingly } from "./sparingly.ts";

/** How long callers are told to wait after an UNAVAILABLE where the contract has no retry policy. */
const defaultRetryAfterMs = 1_000;

/**
 * Who authenticates callers does not expect that anyone may call: ts-proto's definitions, which have no
 * policies, are easily taken for those that have.
 */
export function requirePolicies({ definition: { fullName, methods } }: Service): void {
  for (const method of Object.values(methods)) {
    if (method.policy !== undefined) continue;
    throw new TypeError(
      `${pathOf(fullName, method)} has no policy that says who may call it: the server authenticates its callers, and needs the definition that protoc-gen-contract generates`,
    );
  }
}

/** What the methods of all services of a server share. */
export interface ServerParts {
  readonly live: LiveCalls;
  readonly admission: Admission;
  readonly logger: Logger;
  readonly authenticate: Authenticate | undefined;
  readonly rateLimit: RateLimit | undefined;
  readonly development: boolean;
  /** Whether clients show certificates. */
  readonly knowsClients: boolean;
  /** How large an answer may be, in bytes. */
  readonly maxAnswerBytes: number;
}

/** Registers a service's methods under its own name and its aliases, composed once for all of them. */
export function registerService(service: Service, parts: ServerParts): void {
  const { live, admission, logger, authenticate, rateLimit } = parts;
  const { development, knowsClients, maxAnswerBytes } = parts;
  const { definition, handlers, aliases, toRpcError } = service;
  const { fullName } = definition;
  const retryAfterMs = definition.policy?.retry?.maxBackoffMs ?? defaultRetryAfterMs;
  const retryableCodes = new Set([
    Code.UNAVAILABLE,
    ...(definition.policy?.retry?.retryableCodes ?? []),
  ]);
  const boundary = createErrorBoundary({ toRpcError, logger, development, retryAfterMs });
  for (const [key, method] of Object.entries(definition.methods)) {
    const handler = handlers[key];
    if (!isHandler(handler)) throw new TypeError(`${fullName} has no handler ${key}`);
    const kind = kindOf(method);
    const path = pathOf(fullName, method);
    const { policy, check } = method;
    const decode = decoderOf(method.requestType);
    const answer = serverMethods[kind]({
      service: fullName,
      path,
      policy,
      knowsClients,
      retryableCodes,
      live,
      turns: admission.turns,
      noteRetry:
        definition.policy?.retry === undefined || policy?.idempotency === "UNKNOWN"
          ? undefined
          : noteRetry(logger, path),
      boundary,
      admit: admitByRate(admitByScopes(policy, fullName, authenticate), rateLimit),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It gets what `decode` of the same message gives.
      check: check && ((request) => check(request as never)),
      decode,
      handler: handler.bind(handlers),
      answers: new AnswerEncoder({
        path,
        type: method.responseType,
        maxBytes: maxAnswerBytes,
        logger,
      }),
    });
    const paths = [fullName, ...aliases].map((name) => pathOf(name, method));
    admission.add(paths, kind, policy, answer);
  }
}

function noteRetry(logger: Logger, path: string): (headers: IncomingHttpHeaders) => void {
  const log = sparingly((fields) => {
    logger.info({ path, ...fields }, "a call is tried again");
  });
  return ({ "grpc-previous-rpc-attempts": attempts }) => {
    if (attempts === undefined) return;
    const previousAttempts = Number(attempts);
    if (previousAttempts > 0) log({ previousAttempts });
  };
}

function isHandler(value: unknown): value is UntypedHandler {
  return typeof value === "function";
}

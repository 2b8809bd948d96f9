import type { Metadata, Server } from "@grpc/grpc-js";
import type { Admission } from "./admission.ts";
import { admitByScopes, type Authenticate } from "./authentication.ts";
import { retriesIn } from "./call-status.ts";
import { sized } from "./coalescing-call.ts";
import { decoderOf, encoderOf, kindOf, pathOf } from "./definition.ts";
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
  readonly server: Server;
  readonly live: LiveCalls;
  readonly admission: Admission;
  readonly logger: Logger;
  readonly authenticate: Authenticate | undefined;
  readonly rateLimit: RateLimit | undefined;
  readonly development: boolean;
  /** Whether clients show certificates. */
  readonly knowsClients: boolean;
}

/** Registers a service's methods under its own name and its aliases, composed once for all of them. */
export function registerService(service: Service, parts: ServerParts): void {
  const { server, live, admission, logger, authenticate, rateLimit } = parts;
  const { development, knowsClients } = parts;
  const { definition, handlers, aliases, toRpcError } = service;
  const { fullName } = definition;
  const retryAfterMs = definition.policy?.retry?.maxBackoffMs ?? defaultRetryAfterMs;
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
      live,
      calls: admission.calls,
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
    });
    const paths = [fullName, ...aliases].map((name) => pathOf(name, method));
    admission.add(paths, kind, policy);
    const encode = encoderOf(method.responseType);
    const serialize = sized((message) => {
      try {
        return encode(message);
      } catch (error) {
        // grpc-js answers INTERNAL and tells nobody.
        logger.error({ path, err: error }, "the handler's answer cannot be encoded");
        throw error;
      }
    });
    // What need not be a call yet is not taken apart: a request of a few bytes can be many objects.
    const deserialize = method.requestStream ? decode : (bytes: Buffer): Uint8Array => bytes;
    for (const each of paths) {
      const added = server.register(each, answer, serialize, deserialize, kind);
      if (!added) throw new Error(`${each} is answered by two services`);
    }
  }
}

function noteRetry(logger: Logger, path: string): (metadata: Metadata) => void {
  const log = sparingly((fields) => {
    logger.info({ path, ...fields }, "a call is tried again");
  });
  return (metadata) => {
    const previousAttempts = retriesIn(metadata);
    if (previousAttempts > 0) log({ previousAttempts });
  };
}

function isHandler(value: unknown): value is UntypedHandler {
  return typeof value === "function";
}

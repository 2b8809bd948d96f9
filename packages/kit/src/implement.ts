import { neverLog } from "./redaction.ts";
import type { CallContext } from "./call-context.ts";
import type { Encoded } from "./encoded.ts";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from "./definition.ts";
import type { ReasonOf, ReasonsOf } from "./policy.ts";
import type { RpcError, Violation } from "./rpc-error.ts";

/** The messages that a client sends on one call, as they come. To leave the loop early is fine. */
export type Requests<T> = AsyncIterableIterator<T, undefined>;

/** The function that answers one method: its shape follows from how many messages go each way. */
export type Handler<M extends MethodDefinition> = M extends { readonly requestStream: true }
  ? M extends { readonly responseStream: true }
    ? (requests: StreamedRequests<M>, call: CallOf<M>) => AsyncIterable<AnswerOf<M>>
    : (requests: StreamedRequests<M>, call: CallOf<M>) => AnswerOf<M> | Promise<AnswerOf<M>>
  : M extends { readonly responseStream: true }
    ? (request: RequestOf<M>, call: CallOf<M>) => AsyncIterable<AnswerOf<M>>
    : (request: RequestOf<M>, call: CallOf<M>) => AnswerOf<M> | Promise<AnswerOf<M>>;

/** What a method answers, or the same encoded already. */
type AnswerOf<M extends MethodDefinition> = ResponseOf<M> | Encoded<ResponseOf<M>>;

/** A message of a request stream whose handler answers messages that break a rule of their fields. */
export interface CheckedRequest<T> {
  readonly request: T;
  /** What is wrong with it; empty where nothing is. */
  readonly violations: readonly Violation[];
}

type CallOf<M extends MethodDefinition> = CallContext<ReasonOf<M>>;

type StreamedRequests<M extends MethodDefinition> = M extends {
  readonly policy: { readonly invalidMessages: "ANSWER" };
}
  ? Requests<CheckedRequest<RequestOf<M>>>
  : Requests<RequestOf<M>>;

/** One function for each method of a service, none left out. */
export type Handlers<D extends ServiceDefinition> = {
  readonly [K in keyof D["methods"]]: Handler<D["methods"][K]>;
};

/** What a service's handlers need besides themselves. */
export interface ImplementOptions<Reason extends string = never> {
  /** Full names that the service answers to besides those of its contract; none by default. */
  readonly aliases?: readonly string[];
  /**
   * The status for an error of the domain's, such as `call.error(error.reason, error.message)`; undefined
   * for an error it does not know, which then reaches the caller as INTERNAL with a fixed text. By
   * default it knows none.
   */
  readonly toRpcError?: (error: unknown, call: CallContext<Reason>) => RpcError | undefined;
}

/** A service and what answers it, for {@link serve}. */
export interface Service {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, unknown>>;
  readonly aliases: readonly string[];
  readonly toRpcError: (error: unknown, call: CallContext) => RpcError | undefined;
}

/**
 * Ties handlers to the definition that the contract generates. A method that is left out, or that
 * takes or returns the wrong messages, does not compile.
 */
export function implement<D extends ServiceDefinition>(
  definition: D,
  handlers: Handlers<D>,
  { aliases = [], toRpcError = () => undefined }: ImplementOptions<ReasonsOf<D>> = {},
): Service {
  const { policy } = definition;
  neverLog(policy?.redactedNames ?? []);
  return { definition, handlers, aliases: [...(policy?.aliases ?? []), ...aliases], toRpcError };
}

import type { CallContext } from "./call-context.ts";
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from "./definition.ts";
import type { RpcError } from "./rpc-error.ts";

/** The messages that a client sends on one call, as they come. To leave the loop early is fine. */
export type Requests<T> = AsyncIterableIterator<T, undefined>;

/** The function that answers one method: its shape follows from how many messages go each way. */
export type Handler<M extends MethodDefinition> = M extends { readonly requestStream: true }
  ? M extends { readonly responseStream: true }
    ? (requests: Requests<RequestOf<M>>, call: CallContext) => AsyncIterable<ResponseOf<M>>
    : (
        requests: Requests<RequestOf<M>>,
        call: CallContext,
      ) => ResponseOf<M> | Promise<ResponseOf<M>>
  : M extends { readonly responseStream: true }
    ? (request: RequestOf<M>, call: CallContext) => AsyncIterable<ResponseOf<M>>
    : (request: RequestOf<M>, call: CallContext) => ResponseOf<M> | Promise<ResponseOf<M>>;

/** One function for each method of a service, none left out. */
export type Handlers<D extends ServiceDefinition> = {
  readonly [K in keyof D["methods"]]: Handler<D["methods"][K]>;
};

/** What a service's handlers need besides themselves. */
export interface ImplementOptions {
  /** Other full names that the service answers to, with the same messages; none by default. */
  readonly aliases?: readonly string[];
  /**
   * The status for an error of the domain's; undefined for an error it does not know, which then
   * reaches the caller as INTERNAL with a fixed text. By default it knows none.
   */
  readonly toRpcError?: (error: unknown) => RpcError | undefined;
}

/** A service and what answers it, for {@link serve}. */
export interface Service extends Required<ImplementOptions> {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, unknown>>;
}

/**
 * Ties handlers to the definition that the contract generates. A method that is left out, or that
 * takes or returns the wrong messages, does not compile.
 */
export function implement<D extends ServiceDefinition>(
  definition: D,
  handlers: Handlers<D>,
  { aliases = [], toRpcError = () => undefined }: ImplementOptions = {},
): Service {
  return { definition, handlers, aliases, toRpcError };
}

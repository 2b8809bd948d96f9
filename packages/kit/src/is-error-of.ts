import type { ServiceDefinition } from "./definition.ts";
import type { ReasonOf } from "./policy.ts";
import { RpcError } from "./rpc-error.ts";

/** A failure for one of the reasons that the contract declares for a method. */
export type MethodError<D extends ServiceDefinition, K extends keyof D["methods"]> = RpcError & {
  readonly reason: ReasonOf<D["methods"][K]>;
};

/**
 * Whether something that was caught is a failure of a method for one of its declared reasons, of which
 * `error.reason` then is one: a `switch` over it can be exhaustive. Everything else, such as a server
 * that cannot be reached, is none.
 */
export function isErrorOf<D extends ServiceDefinition, K extends keyof D["methods"] & string>(
  definition: D,
  method: K,
  error: unknown,
): error is MethodError<D, K> {
  if (!(error instanceof RpcError) || error.domain !== definition.fullName) return false;
  const reasons = definition.methods[method]?.policy?.reasons;
  return (
    reasons !== undefined && error.reason !== undefined && Object.hasOwn(reasons, error.reason)
  );
}

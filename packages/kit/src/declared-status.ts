import { Code, codeName } from "./code.ts";
import type { CalledMethod } from "./call-context.ts";
import { codeOf } from "./policy.ts";
import type { RpcError } from "./rpc-error.ts";

/** What is no statement of a service about a request, but of the way to it: true of every method. */
const infrastructure: ReadonlySet<Code> = new Set([
  Code.CANCELLED,
  Code.DEADLINE_EXCEEDED,
  Code.RESOURCE_EXHAUSTED,
  Code.UNAVAILABLE,
]);

/**
 * Why a handler must not answer with a status, as a sentence; undefined where it may. By its contract,
 * a method answers with the reasons that it declares, with the violations of an INVALID_ARGUMENT, and
 * with what can become of any call: that time runs out, or that something cannot be reached.
 */
export function undeclared(
  { policy, service, path }: CalledMethod,
  status: RpcError,
): string | undefined {
  if (policy === undefined) return undefined;
  const { code, reason, domain = "nobody" } = status;
  if (reason !== undefined && domain === service) {
    const declared = codeOf(policy, reason);
    if (declared === code) return undefined;
    return declared === undefined
      ? `${path} failed with the reason ${reason}, which its contract does not declare`
      : `${path} failed with the reason ${reason} as ${codeName(code)}, but its contract declares it as ${codeName(declared)}`;
  }
  if (infrastructure.has(code)) return undefined;
  // What another service says of our request to it is no statement about the one to us.
  const isOurs = !status.received;
  if (isOurs && code === Code.INVALID_ARGUMENT && status.violations.length > 0) return undefined;
  const whose =
    reason === undefined ? "without a reason" : `with the reason ${reason} of ${domain}`;
  return `${path} failed as ${codeName(code)} ${whose}: its contract has to declare why it fails`;
}

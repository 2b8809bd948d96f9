import type { Metadata } from "@grpc/grpc-js";
import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import type { MethodPolicy } from "./policy.ts";
import { RpcError } from "./rpc-error.ts";

/** Who calls, and what it has been granted. */
export interface Principal {
  /** Its name, unique among all that the server knows: the subject of its token, for example. */
  readonly subject: string;
  /** What it has been granted. */
  readonly scopes: ReadonlySet<string>;
}

/** What a caller is recognised by. */
export interface Credentials {
  /** What it sent along, such as `authorization`. */
  readonly metadata: Metadata;
  /** The value of its header `authorization`; undefined where there is none. */
  readonly authorization: string | undefined;
  /** The address and port of the connection's other end. */
  readonly peer: string;
  /**
   * Who the certificate of the connection says it is: its SPIFFE ID, or its first DNS name where it has no URI;
   * undefined where the server asks for none.
   */
  readonly clientIdentity: string | undefined;
}

/**
 * Tells who calls; undefined where the credentials are missing or prove nothing. An RpcError that it
 * throws reaches the caller. Where it answers at once, and not with a promise, calls take less time.
 */
export type Authenticate = (
  credentials: Credentials,
) => Principal | undefined | Promise<Principal | undefined>;

/** Lets a call pass, or throws; by a promise only where the caller's recognition takes one. */
export type Admit = (call: CallContext) => Promise<void> | undefined;

/**
 * Makes the step that lets callers pass who have been granted all scopes of a method. Others get
 * UNAUTHENTICATED, or PERMISSION_DENIED with the scopes that they lack. Undefined where there is
 * nothing to check.
 */
export function admitByScopes(
  policy: MethodPolicy | undefined,
  service: string,
  authenticate: Authenticate | undefined,
): Admit | undefined {
  if (policy === undefined || policy.public || authenticate === undefined) return undefined;
  const { scopes } = policy;
  const pass = (call: CallContext, principal: Principal | undefined): void => {
    if (principal === undefined) {
      throw new RpcError(Code.UNAUTHENTICATED, "the call has no valid credentials");
    }
    const missing = scopes.filter((scope) => !principal.scopes.has(scope));
    if (missing.length > 0) throw missingScopes(service, missing, principal);
    call.authenticated(principal);
  };
  return (call) => {
    const principal = authenticate(call);
    // Whoever made it: a promise of another realm or of a library's own is no `Promise` here.
    if (principal !== undefined && "then" in principal) {
      return principal.then((known) => {
        pass(call, known);
      });
    }
    pass(call, principal);
    return undefined;
  };
}

function missingScopes(
  service: string,
  missing: readonly string[],
  { subject }: Principal,
): RpcError {
  const named = missing.map((scope) => `"${scope}"`).join(" and ");
  // Whoever looks for the mistake sees at once whether it is in what was granted, or in who calls.
  const metadata = { scopes: missing.join(" "), subject };
  return new RpcError(
    Code.PERMISSION_DENIED,
    `the caller lacks the scope${missing.length > 1 ? "s" : ""} ${named}`,
    {
      details: [
        { type: "ErrorInfo", value: { reason: "SCOPE_MISSING", domain: service, metadata } },
      ],
    },
  );
}

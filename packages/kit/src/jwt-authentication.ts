import type { JWTPayload } from "jose";
import { LRUCache } from "lru-cache";
import type { Authenticate, Principal } from "./authentication.ts";
import { Code } from "./code.ts";
import { findKeysIn, KeySetUnavailableError, type KeySetSource } from "./key-set.ts";
import { createLogger, type Logger } from "./logger.ts";
import { RpcError } from "./rpc-error.ts";

/** Which tokens are believed. */
export interface JwtAuthenticationOptions {
  /** Who has to have issued a token: its claim `iss`. */
  readonly issuer: string;
  /** For whom it has to be: its claim `aud`. */
  readonly audience: string;
  /** Where the issuer's keys are. */
  readonly keys: KeySetSource;
  /** The signature algorithms that are accepted; all asymmetric ones of RFC 7518 and EdDSA by default. */
  readonly algorithms?: readonly string[];
  /** By how much the issuer's clock may be off, in seconds; 60 by default. */
  readonly clockToleranceS?: number;
  /** Where to log that keys cannot be read; a logger of its own by default. */
  readonly logger?: Logger;
}

/** The algorithms whose public keys are of no use to whoever wants to sign. */
const asymmetric: readonly string[] = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** What an access token says it is: RFC 9068's `at+jwt`, or what came before; nothing is fine, too. */
const types: ReadonlySet<string> = new Set(["at+jwt", "application/at+jwt", "jwt"]);

/** A longer header is no token: with its claims, one has a kilobyte or two. */
const maxTokenLength = 16 * 1024;

/** How many tokens are remembered. */
const cacheSize = 10_000;

interface Verified {
  readonly principal: Principal;
  readonly expiresAt: number;
}

/**
 * Recognises callers by JSON Web Tokens in `authorization: Bearer …` (RFC 6750). A token is verified once,
 * and remembered until it expires: to verify one takes as long as the rest of a call. Its scopes are those of
 * the claim `scope` (a text) or `scp` (a list).
 *
 * A call without a token, or with one that is not believed, gets UNAUTHENTICATED; while there are no keys to
 * check tokens by, UNAVAILABLE.
 */
export function authenticateByJwt(options: JwtAuthenticationOptions): Authenticate {
  const { issuer, audience, keys, algorithms = asymmetric, clockToleranceS = 60 } = options;
  const findKey = findKeysIn(keys, options.logger ?? createLogger({ name: "auth" }));
  const known = new LRUCache<string, Verified>({ max: cacheSize });
  const pending = new Map<string, Promise<Principal>>();

  const verify = async (token: string): Promise<Principal> => {
    const { jwtVerify } = await import("jose");
    const { payload, protectedHeader } = await jwtVerify(token, findKey, {
      issuer,
      audience,
      algorithms: [...algorithms],
      clockTolerance: clockToleranceS,
      requiredClaims: ["exp", "sub"],
    });
    const { typ } = protectedHeader;
    if (typ !== undefined && !types.has(typ.toLowerCase())) {
      throw unauthenticated(`the token is of the type "${typ}", which gives no access`);
    }
    const principal = principalOf(payload);
    const expiresAt = ((payload.exp ?? 0) + clockToleranceS) * 1000;
    known.set(token, { principal, expiresAt });
    return principal;
  };

  return ({ authorization }) => {
    const token = authorization === undefined ? undefined : bearerToken(authorization);
    if (token === undefined) return undefined;
    const verified = known.get(token);
    if (verified !== undefined && verified.expiresAt > Date.now()) return verified.principal;
    // Many calls come with one new token: it is verified once.
    const verifying =
      pending.get(token) ??
      verify(token)
        .catch((error: unknown) => {
          throw refusal(error);
        })
        .finally(() => pending.delete(token));
    pending.set(token, verifying);
    return verifying;
  };
}

/** The token of a header `authorization`. Throws for what is no bearer token. */
function bearerToken(value: string): string {
  if (value.length > maxTokenLength) throw unauthenticated("the authorization is too long");
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(value)?.[1];
  if (token === undefined) throw unauthenticated("the authorization is no bearer token");
  return token;
}

function principalOf({ sub = "", scope, scp }: JWTPayload): Principal {
  const listed: unknown = scp ?? scope;
  const scopes = Array.isArray(listed)
    ? listed.filter((each) => typeof each === "string")
    : typeof listed === "string"
      ? listed.split(" ").filter((each) => each !== "")
      : [];
  return { subject: sub, scopes: new Set(scopes) };
}

/** Why a token is not believed, in words that tell its owner what to change, and nothing else. */
function refusal(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  if (error instanceof KeySetUnavailableError) {
    return RpcError.unavailable("callers cannot be recognised now", { cause: error });
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const claim = error instanceof Error && "claim" in error ? String(error.claim) : "";
  switch (code) {
    case "ERR_JWT_EXPIRED":
      return unauthenticated("the token has expired", error);
    case "ERR_JWT_CLAIM_VALIDATION_FAILED":
      return unauthenticated(`the token's claim "${claim}" is not accepted`, error);
    case "ERR_JWKS_NO_MATCHING_KEY":
      return unauthenticated("the token is signed with a key that is not known", error);
    case "ERR_JOSE_ALG_NOT_ALLOWED":
      return unauthenticated("the token is signed by an algorithm that is not accepted", error);
    default:
      return unauthenticated("the token is not valid", error);
  }
}

function unauthenticated(text: string, cause?: unknown): RpcError {
  return new RpcError(Code.UNAUTHENTICATED, text, { cause });
}

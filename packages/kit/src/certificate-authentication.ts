import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Authenticate, Principal } from "./authentication.ts";
import { createLogger, type Logger } from "./logger.ts";
import { messageOf } from "./message-of.ts";
import { WatchedFiles } from "./watched-files.ts";

/** Which scopes clients have been granted, by the identity in their certificate. */
export type Grants = Readonly<Record<string, readonly string[]>>;

/** Whose certificates mean what. */
export interface CertificateAuthenticationOptions {
  /**
   * What each identity has been granted: its SPIFFE ID, or the first DNS name of a certificate without one. Or
   * the JSON file that says it, which is read again when it changes.
   */
  readonly grants: Grants | { readonly file: string };
  /** Where to log that a changed file is of no use; a logger of its own by default. */
  readonly logger?: Logger;
}

/** The file with the grants cannot be used; the message names it and says why. */
export class GrantsFileError extends Error {
  static {
    GrantsFileError.prototype.name = "GrantsFileError";
  }
}

/**
 * Recognises callers by the certificate of their connection, which takes a server with `tls.clientCaFile`. The
 * principal's subject is the identity; its scopes are those it has been granted, none where it is not listed.
 *
 * Throws a {@link GrantsFileError} where the file is of no use.
 */
export function authenticateByCertificate({
  grants,
  logger = createLogger({ name: "auth" }),
}: CertificateAuthenticationOptions): Authenticate {
  const principals = watch(grants, logger);
  return ({ clientIdentity }) =>
    clientIdentity === undefined
      ? undefined
      : (principals().get(clientIdentity) ?? { subject: clientIdentity, scopes: noScopes });
}

/** Recognises callers by their token where they show one, and otherwise by their certificate. */
export function authenticateByEither(
  byToken: Authenticate,
  byCertificate: Authenticate,
): Authenticate {
  return (credentials) =>
    credentials.authorization !== undefined || credentials.clientIdentity === undefined
      ? byToken(credentials)
      : byCertificate(credentials);
}

type Principals = ReadonlyMap<string, Principal>;

const noScopes: ReadonlySet<string> = new Set();

function watch(
  grants: CertificateAuthenticationOptions["grants"],
  logger: Logger,
): () => Principals {
  if (!isFile(grants)) {
    const principals = principalsOf(grants);
    return () => principals;
  }
  const { file } = grants;
  const watched = new WatchedFiles({
    files: [file],
    load: () => principalsOf(readGrants(file)),
    onProblem: (err) => {
      logger.error({ err }, "changed grants cannot be used: those from before stay in use");
    },
  });
  watched.watch((isNew) => {
    if (isNew) logger.info({ file, clients: watched.value.size }, "changed grants are in use");
  });
  return () => watched.value;
}

function isFile(
  grants: CertificateAuthenticationOptions["grants"],
): grants is { readonly file: string } {
  return typeof grants.file === "string";
}

function principalsOf(grants: Grants): Principals {
  return new Map(
    Object.entries(grants).map(([name, scopes]) => {
      // Names of hosts are the same in capitals; SPIFFE IDs are not.
      const subject = name.includes("://") ? name : name.toLowerCase();
      return [subject, { subject, scopes: new Set(scopes) }];
    }),
  );
}

const schema: z.ZodType<Grants> = z.record(z.string(), z.array(z.string()));

function readGrants(file: string): Grants {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new GrantsFileError(`${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  const example = 'a JSON object such as {"spiffe://example.org/orders": ["products.read"]}';
  let grants: unknown;
  try {
    grants = JSON.parse(text);
  } catch (cause) {
    throw new GrantsFileError(`${file} has to be ${example}: ${messageOf(cause)}`, { cause });
  }
  const { data, error } = schema.safeParse(grants);
  if (data !== undefined) return data;
  throw new GrantsFileError(`${file} has to be ${example}: ${z.prettifyError(error)}`);
}

import type { Authenticate } from "./authentication.ts";
import { authenticateByCertificate, authenticateByEither } from "./certificate-authentication.ts";
import type { ClientTls } from "./client-tls.ts";
import { EnvironmentError } from "./environment.ts";
import { authenticateByJwt } from "./jwt-authentication.ts";
import type { Logger } from "./logger.ts";
import type { ServerConfig } from "./server-config.ts";
import type { ServerTls } from "./tls-acceptor.ts";

/** How connections are secured, as the configuration has it; undefined for plaintext. */
export function serverTlsOf(config: ServerConfig): ServerTls | undefined {
  const {
    TLS_CERT_FILE: certFile,
    TLS_KEY_FILE: keyFile,
    TLS_CLIENT_CA_FILE: clientCaFile,
  } = config;
  return certFile === undefined || keyFile === undefined
    ? undefined
    : { certFile, keyFile, clientCaFile };
}

/**
 * How a service that calls others secures its connections, as the configuration has it: it trusts the authorities of
 * `TLS_CA_FILE`, and shows its own certificate. Undefined for plaintext.
 *
 * Throws an `EnvironmentError` where production would call others in plaintext without having asked for it.
 */
export function clientTlsOf(config: ServerConfig): ClientTls | undefined {
  const { TLS_CA_FILE: caFile, TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } = config;
  if (caFile !== undefined) return { caFile, certFile, keyFile };
  if (config.NODE_ENV === "production" && !config.TLS_DISABLED) {
    throw new EnvironmentError(
      "the environment is wrong:\n  TLS_CA_FILE must be set in production, as this service calls others: otherwise " +
        "everybody on the way can read and change everything; TLS_DISABLED=true accepts that",
    );
  }
  return undefined;
}

/** What recognises callers, as the configuration has it; undefined where it has none. */
export function authenticationOf(config: ServerConfig, logger: Logger): Authenticate | undefined {
  const byToken = tokenAuthenticationOf(config, logger);
  const { TLS_CLIENT_GRANTS_FILE: file } = config;
  if (file === undefined) return byToken;
  const byCertificate = authenticateByCertificate({ grants: { file }, logger });
  return byToken === undefined ? byCertificate : authenticateByEither(byToken, byCertificate);
}

function tokenAuthenticationOf(config: ServerConfig, logger: Logger): Authenticate | undefined {
  const {
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: audience,
    AUTH_JWKS_URL: url,
    AUTH_JWKS_FILE: file,
  } = config;
  const keys = url === undefined ? (file === undefined ? undefined : { file }) : { url };
  return issuer === undefined || audience === undefined || keys === undefined
    ? undefined
    : authenticateByJwt({ issuer, audience, keys, logger });
}

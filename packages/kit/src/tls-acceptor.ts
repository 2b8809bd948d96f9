import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import type { Logger } from "./logger.ts";
import { messageOf } from "./message-of.ts";
import { sparingly } from "./sparingly.ts";
import { watchTlsFiles } from "./tls-files.ts";

/** How a server secures its connections: TLS 1.2 or newer. */
export interface ServerTls {
  /** The file with the server's certificate, followed by those that lead from it to an authority (PEM). */
  readonly certFile: string;
  /** The file with the certificate's private key (PEM). */
  readonly keyFile: string;
  /**
   * The file with the certificates of the authorities that clients need a certificate of (PEM): others are not
   * connected. By default, clients need none.
   */
  readonly clientCaFile?: string | undefined;
}

/** How long before its end a certificate is warned of, and how often, in milliseconds: a day, each hour. */
const expiryWarningMs = 24 * 60 * 60 * 1000;
const warningIntervalMs = 60 * 60 * 1000;

/** How long a client may take for its part of the handshake, in milliseconds. */
const handshakeTimeoutMs = 10_000;

/**
 * Turns connections into secure ones. The files are looked at every second: new connections get the certificate
 * that is in them, those that are there keep theirs.
 */
export class TlsAcceptor {
  readonly #server: Server;
  readonly #timer: NodeJS.Timeout;

  /** Throws a `TlsFileError` where the files are of no use. */
  constructor(
    { certFile, keyFile, clientCaFile }: ServerTls,
    secured: (socket: TLSSocket) => void,
    logger: Logger,
  ) {
    const files = watchTlsFiles({ certFile, keyFile, caFile: clientCaFile }, logger);
    this.#server = createServer({
      ...withoutTickets(files.value.options),
      ALPNProtocols: ["h2"],
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: clientCaFile !== undefined,
      rejectUnauthorized: clientCaFile !== undefined,
    });
    this.#server.on("secureConnection", secured);
    const log = sparingly((fields) => {
      logger.info(fields, "a client could not be connected by TLS");
    });
    this.#server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
      // Where its certificate is refused, the error says only that the connection has ended.
      const { remoteAddress, authorizationError } = socket;
      log({ remoteAddress, reason: messageOf(authorizationError ?? error) });
    });
    let warnedAt = -Infinity;
    const warnOfExpiry = (): void => {
      const leftMs = files.value.endsAt - Date.now();
      if (leftMs > expiryWarningMs || performance.now() - warnedAt < warningIntervalMs) return;
      warnedAt = performance.now();
      const line = { certFile, validTo: new Date(files.value.endsAt) };
      if (leftMs > 0) {
        logger.warn(line, "the certificate expires within a day");
      } else {
        logger.error(line, "the certificate has expired: no client will connect");
      }
    };
    warnOfExpiry();
    this.#timer = files.watch((isNew) => {
      if (isNew) this.#server.setSecureContext(withoutTickets(files.value.options));
      warnOfExpiry();
    });
  }

  /** Begins the handshake with who has just connected. */
  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /** Looks at the files no more. */
  close(): void {
    clearInterval(this.#timer);
  }
}

/**
 * Has every connection begin with a whole handshake. With a session ticket, a client need not show its certificate
 * again, and would be let in after that has expired.
 */
function withoutTickets(options: SecureContextOptions): SecureContextOptions {
  return { ...options, secureOptions: constants.SSL_OP_NO_TICKET };
}

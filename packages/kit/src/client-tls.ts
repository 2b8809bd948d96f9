import { isIP, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import type { Logger } from "./logger.ts";
import { errorCodeOf, messageOf } from "./message-of.ts";
import { TlsFileError, type TlsMaterial, watchTlsFiles } from "./tls-files.ts";
import type { WatchedFiles } from "./watched-files.ts";

/** How a client secures its connections: TLS 1.2 or newer. */
export interface ClientTls {
  /** The file with the authorities that servers need a certificate of (PEM); those that Node knows by default. */
  readonly caFile?: string | undefined;
  /** The file with the client's own certificate (PEM), for servers that ask for one; none by default. */
  readonly certFile?: string | undefined;
  /** The file with the private key of that certificate (PEM). */
  readonly keyFile?: string | undefined;
  /** The name that the server's certificate has to have; by default, the host of the target. */
  readonly serverName?: string | undefined;
}

/** Secures connections to servers. Before each, it looks whether the files have changed. */
export class TlsConnector {
  readonly #files: WatchedFiles<TlsMaterial>;
  readonly #serverName: string | undefined;

  /** Throws a `TlsFileError` where the files are of no use. */
  constructor({ serverName, ...files }: ClientTls, logger: Logger | undefined) {
    if ((files.certFile === undefined) !== (files.keyFile === undefined)) {
      throw new TlsFileError("tls.certFile and tls.keyFile are set together, or not at all");
    }
    this.#files = watchTlsFiles(files, logger);
    this.#serverName = serverName;
  }

  /** Resolves once the server has proven to be who it has to be. Rejects with the reason why it has not. */
  async connect(socket: Socket, targetHost: string): Promise<TLSSocket> {
    await this.#files.refresh();
    const host = this.#serverName ?? targetHost;
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    const secured = connect({
      socket,
      host,
      // RFC 6066, section 3: a server is never named by its address.
      ...(isIP(host) === 0 && { servername: host }),
      secureContext: this.#files.value.context,
      ALPNProtocols: ["h2"],
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
    });
    const closed = (): void => {
      reject(new Error("the connection was closed during the TLS handshake"));
    };
    secured.once("secureConnect", () => {
      secured.off("error", reject).off("close", closed);
      resolve(secured);
    });
    secured.once("error", reject).once("close", closed);
    try {
      return await promise;
    } catch (cause) {
      throw new Error(reasonOf(cause), { cause });
    }
  }
}

/** Why there is no secure connection, where OpenSSL's words do not tell. */
function reasonOf(cause: unknown): string {
  const code = errorCodeOf(cause) ?? "";
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") return "the server does not speak TLS";
  return untrusted.has(code)
    ? `no trusted authority vouches for the server's certificate: ${code}`
    : `no TLS connection: ${messageOf(cause)}`;
}

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const untrusted: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

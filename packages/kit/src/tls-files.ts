import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { Logger } from "./logger.ts";
import { WatchedFiles } from "./watched-files.ts";

/** The files that a side of a TLS connection has, all in PEM. */
export interface TlsFiles {
  /** The certificate, followed by those that lead from it to an authority. */
  readonly certFile?: string | undefined;
  /** The certificate's private key. */
  readonly keyFile?: string | undefined;
  /** The certificates of the authorities that the other side's certificate has to come from. */
  readonly caFile?: string | undefined;
}

/** A file for TLS cannot be used; the message names it and says why. */
export class TlsFileError extends Error {
  static {
    TlsFileError.prototype.name = "TlsFileError";
  }
}

/** What TLS connections are made with, as it was last read from the files. */
export interface TlsMaterial {
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
}

/** How long before its end a certificate is warned of, in milliseconds: a day. */
const expiryWarningMs = 24 * 60 * 60 * 1000;

/**
 * Reads the files, and again when they change: a certificate and its key only as a pair that fits. What has
 * been replaced by something that is of no use is logged, and stays in use.
 *
 * Throws a {@link TlsFileError} where the files are of no use to begin with.
 */
export function watchTlsFiles(
  files: TlsFiles,
  logger: Logger | undefined,
): WatchedFiles<TlsMaterial> {
  const { certFile, keyFile, caFile } = files;
  const named = [certFile, keyFile, caFile].filter((file) => file !== undefined);
  return new WatchedFiles({
    files: named,
    load: () => loadTlsFiles(files, logger),
    onProblem: (err) => {
      logger?.error({ err }, "changed TLS files cannot be used: those from before stay in use");
    },
  });
}

function loadTlsFiles({ certFile, keyFile, caFile }: TlsFiles, logger?: Logger): TlsMaterial {
  const options: SecureContextOptions = {
    minVersion: "TLSv1.2",
    ...(caFile !== undefined && { ca: certificatesIn(caFile) }),
    ...(certFile !== undefined && { cert: certificatesIn(certFile).join("\n") }),
    ...(keyFile !== undefined && { key: readPem(keyFile) }),
  };
  try {
    const context = createSecureContext(options);
    if (certFile !== undefined) describe(certFile, logger);
    return { options, context };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const named = [keyFile, certFile, caFile].filter((file) => file !== undefined).join(", ");
    throw new TlsFileError(`these files cannot be used for TLS: ${named}: ${reason}`, { cause });
  }
}

function describe(certFile: string, logger: Logger | undefined): void {
  const { validToDate, fingerprint256 } = new X509Certificate(readPem(certFile));
  const line = { certFile, validTo: validToDate.toISOString(), fingerprint256 };
  if (validToDate.getTime() - Date.now() < expiryWarningMs) {
    logger?.warn(line, "the certificate for TLS ends within a day, or has ended");
  } else {
    logger?.info(line, "the certificate for TLS is in use");
  }
}

/** The certificates of a file, each on its own: Node passes over what it cannot read at the end of several. */
function certificatesIn(file: string): string[] {
  const text = readPem(file);
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new TlsFileError(`${file} has no certificate in PEM`);
  for (const each of found) {
    try {
      void new X509Certificate(each);
    } catch (cause) {
      throw new TlsFileError(`${file} has a certificate that cannot be read`, { cause });
    }
  }
  return found;
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TlsFileError(`a file for TLS cannot be read: ${reason}`, { cause });
  }
}

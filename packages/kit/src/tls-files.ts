import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { Logger } from "./logger.ts";
import { messageOf } from "./message-of.ts";
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
  /** When the own certificate ends, in milliseconds since 1970; Infinity where there is none. */
  readonly endsAt: number;
}

/**
 * Reads the files, and again when they change: a certificate and its key only as a pair that matches. What has
 * been replaced by something that is of no use, or has expired, is logged, and stays in use.
 *
 * Throws a {@link TlsFileError} where the files are of no use to begin with.
 */
export function watchTlsFiles(
  files: TlsFiles,
  logger: Logger | undefined,
): WatchedFiles<TlsMaterial> {
  const { certFile, keyFile, caFile } = files;
  let isFirst = true;
  return new WatchedFiles({
    files: [certFile, keyFile, caFile].filter((file) => file !== undefined),
    load: () => {
      const material = loadTlsFiles(files);
      if (!isFirst && material.endsAt < Date.now()) {
        throw new TlsFileError(`the certificate in ${certFile ?? ""} has expired`);
      }
      isFirst = false;
      const validTo = material.endsAt === Infinity ? undefined : new Date(material.endsAt);
      logger?.info({ certFile, caFile, validTo }, "the files for TLS are in use");
      return material;
    },
    onProblem: (err) => {
      logger?.error({ err }, "changed TLS files cannot be used: those from before stay in use");
    },
  });
}

function loadTlsFiles({ certFile, keyFile, caFile }: TlsFiles): TlsMaterial {
  const ca = caFile === undefined ? undefined : certificatesIn(caFile);
  const chain = certFile === undefined ? undefined : certificatesIn(certFile);
  const key = keyFile === undefined ? undefined : privateKeyIn(keyFile);
  const [own] = chain ?? [];
  if (own !== undefined && key !== undefined && !own.checkPrivateKey(key)) {
    throw new TlsFileError(
      `the key in ${keyFile ?? ""} does not belong to the certificate in ${certFile ?? ""}`,
    );
  }
  const options: SecureContextOptions = {
    minVersion: "TLSv1.2",
    ...(ca !== undefined && { ca: ca.map(String) }),
    ...(chain !== undefined && { cert: chain.join("") }),
    ...(keyFile !== undefined && { key: readPem(keyFile) }),
  };
  try {
    const context = createSecureContext(options);
    return { options, context, endsAt: own?.validToDate.getTime() ?? Infinity };
  } catch (cause) {
    const named = [certFile, keyFile, caFile].filter((file) => file !== undefined).join(", ");
    throw new TlsFileError(`these cannot be used for TLS: ${named}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** The certificates of a file, each on its own: Node passes over what it cannot read at the end of several. */
function certificatesIn(file: string): X509Certificate[] {
  const text = readPem(file);
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new TlsFileError(`${file} has no certificate in PEM`);
  const begun = text.match(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/g) ?? [];
  if (begun.length > found.length) {
    throw new TlsFileError(
      `${file} has a certificate without its end, or in a form that Node does not read`,
    );
  }
  return found.map((each) => {
    try {
      return new X509Certificate(each);
    } catch (cause) {
      throw new TlsFileError(`${file} has a certificate that cannot be read`, { cause });
    }
  });
}

function privateKeyIn(file: string): KeyObject {
  const text = readPem(file);
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw new TlsFileError(`${file} has no private key in PEM that can be read`, { cause });
  }
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new TlsFileError(`${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

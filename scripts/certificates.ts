// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 throws unless it is there first
import "reflect-metadata";
import { createPrivateKey, KeyObject, type webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type Extension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type NameParams,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** When a certificate is valid: from a minute ago by default, in whole seconds. */
export interface Validity {
  readonly notBefore?: Date;
  /** 90 days from now by default, 10 years for an authority. */
  readonly notAfter?: Date;
}

/** A certificate and the key that belongs to it. */
export interface Issued {
  readonly certificatePem: string;
  /** PKCS #8, not encrypted. */
  readonly privateKeyPem: string;
}

/** Whom a certificate is for. */
export interface IssueOptions {
  /** A name for people: peers check the names below. Without one, the subject is empty. */
  readonly commonName?: string;
  readonly dnsNames?: readonly string[];
  /** IPv4 and IPv6 addresses, without brackets. */
  readonly ipAddresses?: readonly string[];
  /** Such as a SPIFFE id, `spiffe://example.org/client`. */
  readonly uris?: readonly string[];
  readonly validity?: Validity;
  /** Whether it is shown by servers, by clients or by both, which is the default. */
  readonly usages?: readonly ("serverAuth" | "clientAuth")[];
}

/** What issues certificates, and is trusted by its own. */
export interface Authority extends Issued {
  /** Makes a key and a certificate for it, which names this authority as its issuer. */
  issue(options: IssueOptions): Promise<Issued>;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256" };
const dayMs = 24 * 60 * 60 * 1000;

/** Makes an authority that signs itself. Two of the same name do not vouch for each other's certificates. */
export async function createAuthority(name: string, validity?: Validity): Promise<Authority> {
  const keys = await generateKeys();
  const subject = named(name);
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: subject,
    ...period(3650, validity),
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [
      // What it issues are ends: none of them issues others.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return openAuthority(toPem(certificate, keys));
}

/** An authority that was made before. Rejects what is no certificate, or no P-256 key. */
export async function openAuthority(authority: Issued): Promise<Authority> {
  const { certificatePem, privateKeyPem } = authority;
  const certificate = new X509Certificate(certificatePem);
  const signingKey = await importPrivateKey(privateKeyPem);
  return {
    certificatePem,
    privateKeyPem,
    async issue({ commonName, usages = ["serverAuth", "clientAuth"], validity, ...names }) {
      const keys = await generateKeys();
      const issued = await X509CertificateGenerator.create({
        subject: commonName === undefined ? [] : named(commonName),
        issuer: certificate.subjectName,
        ...period(90, validity),
        publicKey: keys.publicKey,
        signingKey,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension(usages.map((usage) => ExtendedKeyUsage[usage])),
          await SubjectKeyIdentifierExtension.create(keys.publicKey),
          await AuthorityKeyIdentifierExtension.create(certificate.publicKey),
          // Critical where nothing else says whom it is for: RFC 5280, section 4.2.1.6.
          ...alternativeNames(names, commonName === undefined),
        ],
      });
      return toPem(issued, keys);
    },
  };
}

/** As it is: a text alone would be parsed. */
function named(commonName: string): NameParams {
  return [{ CN: [{ utf8String: commonName }] }];
}

function alternativeNames(
  { dnsNames = [], ipAddresses = [], uris = [] }: IssueOptions,
  critical: boolean,
): Extension[] {
  const names = [
    ...dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...ipAddresses.map((value) => ({ type: "ip" as const, value })),
    ...uris.map((value) => ({ type: "url" as const, value })),
  ];
  return names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names, critical)];
}

function period(days: number, validity: Validity = {}): Required<Validity> {
  const now = Date.now();
  return {
    notBefore: validity.notBefore ?? new Date(now - 60_000),
    notAfter: validity.notAfter ?? new Date(now + days * dayMs),
  };
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const pkcs8 = createPrivateKey(pem).export({ format: "der", type: "pkcs8" });
  return await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
}

function toPem(certificate: X509Certificate, keys: webcrypto.CryptoKeyPair): Issued {
  return {
    certificatePem: `${certificate.toString("pem").trimEnd()}\n`,
    privateKeyPem: KeyObject.from(keys.privateKey)
      .export({ format: "pem", type: "pkcs8" })
      .toString(),
  };
}

/**
 * What is used of @peculiar/x509. Its own declarations need the browser's types, which would then be there
 * for all code: tsconfig.base.json names these instead.
 */
import type { webcrypto } from "node:crypto";

/** A subject or an issuer. */
export class Name {
  toString(): string;
}

/** A public key of a certificate. */
export class PublicKey {
  /** The SubjectPublicKeyInfo, in DER. */
  readonly rawData: ArrayBuffer;
}

/** An extension of a certificate. */
export class Extension {
  readonly critical: boolean;
}

export class BasicConstraintsExtension extends Extension {
  constructor(ca: boolean, pathLength?: number, critical?: boolean);
}

/** What a key may be used for; several are combined by `|`. */
export enum KeyUsageFlags {
  digitalSignature = 1,
  keyCertSign = 32,
  cRLSign = 64,
}

export class KeyUsagesExtension extends Extension {
  constructor(usages: KeyUsageFlags, critical?: boolean);
}

export enum ExtendedKeyUsage {
  serverAuth = "1.3.6.1.5.5.7.3.1",
  clientAuth = "1.3.6.1.5.5.7.3.2",
}

export class ExtendedKeyUsageExtension extends Extension {
  constructor(usages: ExtendedKeyUsage[], critical?: boolean);
}

export class SubjectAlternativeNameExtension extends Extension {
  constructor(names: { type: "dns" | "ip" | "url"; value: string }[], critical?: boolean);
}

export class SubjectKeyIdentifierExtension extends Extension {
  static create(publicKey: PublicKey | webcrypto.CryptoKey): Promise<SubjectKeyIdentifierExtension>;
}

export class AuthorityKeyIdentifierExtension extends Extension {
  static create(
    publicKey: PublicKey | webcrypto.CryptoKey,
  ): Promise<AuthorityKeyIdentifierExtension>;
}

export class X509Certificate {
  /** Reads a certificate in PEM. */
  constructor(pem: string);
  readonly subjectName: Name;
  readonly publicKey: PublicKey;
  toString(format: "pem"): string;
}

/** A subject or an issuer: attributes by their short names, such as CN; none: an empty subject. */
export type NameParams = Record<string, { utf8String: string }[]>[];

/** A certificate to be signed. Its serial number is random: 16 bytes, positive. */
export interface X509CertificateCreateParams {
  subject: Name | NameParams;
  issuer: Name | NameParams;
  notBefore: Date;
  notAfter: Date;
  publicKey: webcrypto.CryptoKey;
  signingKey: webcrypto.CryptoKey;
  extensions: Extension[];
}

export const X509CertificateGenerator: {
  create(params: X509CertificateCreateParams): Promise<X509Certificate>;
};

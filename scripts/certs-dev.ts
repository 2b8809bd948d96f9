/**
 * Makes what services and clients know each other by in development, in `.dev`, which git ignores, or in the
 * folder that is named:
 *
 * - `signing-key.json`, by which `pnpm client token` signs, and `jwks.json`, by which services check.
 * - `ca.pem` and `ca-key.pem`: the authority that both sides trust.
 * - `server.pem` and `server-key.pem`: for a service, on this machine or behind its name in a network.
 * - `client.pem` and `client-key.pem`: for a caller, by its SPIFFE id.
 *
 * Leaves what is there and good for another day.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { exportJWK, generateKeyPair } from "jose";
import { createAuthority, type Issued, type IssueOptions, openAuthority } from "./certificates.ts";
import { root } from "./run.ts";

const folder = resolve(process.argv[2] ?? join(root, ".dev"));
const path = (name: string): string => join(folder, name);
const dayMs = 24 * 60 * 60 * 1000;

await mkdir(folder, { recursive: true });
await makeSigningKey();
const authority = await openAuthority(
  await makeCertificate("ca", isSelfSigned, () => createAuthority("org development")),
);
await makeLeaf("server", {
  commonName: "server",
  dnsNames: ["localhost", "product-service", "user-service"],
  ipAddresses: ["127.0.0.1", "::1"],
});
await makeLeaf("client", { commonName: "client", uris: ["spiffe://org.localhost/client"] });

const [ca, cert, key] = [path("ca.pem"), path("client.pem"), path("client-key.pem")];
console.log(`
Start services with TLS:

  TLS_CERT_FILE=${path("server.pem")} TLS_KEY_FILE=${path("server-key.pem")} TLS_CLIENT_CA_FILE=${ca}

with authentication:

  AUTH_ISSUER=https://issuer.localhost AUTH_AUDIENCE=org AUTH_JWKS_FILE=${path("jwks.json")}

and call them with the tokens of \`pnpm client token --scope users.read\`, or with TLS:

  pnpm client --ca-file ${ca} --cert-file ${cert} --key-file ${key} health`);

/** The key of a development issuer. */
async function makeSigningKey(): Promise<void> {
  const [privateFile, publicFile] = [path("signing-key.json"), path("jwks.json")];
  if (existsSync(privateFile) && existsSync(publicFile)) {
    console.log(`${privateFile} and ${publicFile} are there already.`);
    return;
  }
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const common = { kid: `dev-${new Date().toISOString().slice(0, 10)}`, alg: "ES256" };
  const privateJwk = { ...(await exportJWK(privateKey)), ...common };
  const keys = [{ ...(await exportJWK(publicKey)), ...common, use: "sig" }];
  await replace(privateFile, `${JSON.stringify(privateJwk, null, 2)}\n`, 0o600);
  await replace(publicFile, `${JSON.stringify({ keys }, null, 2)}\n`, 0o644);
  console.log(`Made ${privateFile} and ${publicFile}.`);
}

async function makeLeaf(name: string, options: IssueOptions): Promise<void> {
  const issuer = new X509Certificate(authority.certificatePem);
  await makeCertificate(
    name,
    (certificate) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey),
    () => authority.issue(options),
  );
}

/** The certificate and its key that are there, if they are good, or else new ones. */
async function makeCertificate(
  name: string,
  isGood: (certificate: X509Certificate) => boolean,
  make: () => Promise<Issued>,
): Promise<Issued> {
  const [certificateFile, keyFile] = [path(`${name}.pem`), path(`${name}-key.pem`)];
  if (existsSync(certificateFile) && existsSync(keyFile)) {
    const certificatePem = await readFile(certificateFile, "utf8");
    const privateKeyPem = await readFile(keyFile, "utf8");
    const certificate = new X509Certificate(certificatePem);
    const lasts = certificate.validToDate.getTime() > Date.now() + dayMs;
    const belongs = certificate.checkPrivateKey(createPrivateKey(privateKeyPem));
    if (lasts && belongs && isGood(certificate)) {
      console.log(`${certificateFile} and ${keyFile} are there already.`);
      return { certificatePem, privateKeyPem };
    }
  }
  const made = await make();
  await replace(keyFile, made.privateKeyPem, 0o600);
  await replace(certificateFile, made.certificatePem, 0o644);
  console.log(`Made ${certificateFile} and ${keyFile}.`);
  return made;
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.ca && certificate.verify(certificate.publicKey);
}

/** Writes a file at once, with these rights from the start: a service may be reading the one before. */
async function replace(file: string, text: string, mode: number): Promise<void> {
  const next = `${file}.next`;
  await rm(next, { force: true });
  await writeFile(next, text, { mode });
  await rename(next, file);
}

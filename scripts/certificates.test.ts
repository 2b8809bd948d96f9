/** Do peers accept certificates for what they are made for, and for nothing else? Over real TLS. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import {
  connect,
  type ConnectionOptions,
  createServer,
  type TlsOptions,
  type TLSSocket,
} from "node:tls";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Authority, createAuthority, type Issued, openAuthority } from "./certificates.ts";

let authority: Authority;
let localhost: Issued;

beforeAll(async () => {
  authority = await createAuthority("ours");
  localhost = await authority.issue({
    commonName: "server",
    dnsNames: ["localhost", "product-service"],
    ipAddresses: ["127.0.0.1", "::1"],
  });
});

/** Shakes hands once. Resolves with the certificate that the client showed; rejects where it refuses the server's. */
async function shake(
  { certificatePem, privateKeyPem }: Issued,
  client: ConnectionOptions,
  options: TlsOptions = {},
): Promise<X509Certificate | undefined> {
  const server = createServer({ cert: certificatePem, key: privateKeyPem, ...options });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens on no port");
  const accepted = Promise.withResolvers<TLSSocket>();
  server.on("secureConnection", accepted.resolve).on("tlsClientError", accepted.reject);
  // Where the client refuses, it is the client's error that counts.
  accepted.promise.catch(() => undefined);
  const socket = connect({
    host: "127.0.0.1",
    port: address.port,
    ca: authority.certificatePem,
    ...client,
  });
  try {
    await once(socket, "secureConnect");
    return (await accepted.promise).getPeerX509Certificate();
  } finally {
    socket.destroy();
    server.close();
  }
}

describe("a server's certificate", () => {
  test.each(["localhost", "product-service"])("is accepted for its name %s", async (servername) => {
    await expect(shake(localhost, { servername })).resolves.toBeUndefined();
  });

  test("is accepted for its address", async () => {
    await expect(shake(localhost, {})).resolves.toBeUndefined();
    const { subjectAltName } = new X509Certificate(localhost.certificatePem);
    expect(subjectAltName).toContain("IP Address:0:0:0:0:0:0:0:1");
  });

  test("is refused for another name", async () => {
    await expect(shake(localhost, { servername: "user-service" })).rejects.toMatchObject({
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
  });

  test("is refused from another authority, even one of the same name", async () => {
    const other = await createAuthority("ours");
    const theirs = await other.issue({ dnsNames: ["localhost"] });
    await expect(shake(theirs, { servername: "localhost" })).rejects.toThrow(
      /unable to verify|signature failure/,
    );
  });

  test.each([
    ["CERT_HAS_EXPIRED", { notBefore: new Date(0), notAfter: new Date(Date.now() - 1000) }],
    ["CERT_NOT_YET_VALID", { notBefore: new Date(Date.now() + 60_000) }],
  ])("is refused at a time when it is not valid: %s", async (code, validity) => {
    const issued = await authority.issue({ dnsNames: ["localhost"], validity });
    await expect(shake(issued, { servername: "localhost" })).rejects.toMatchObject({ code });
  });

  test("is refused where it is for clients", async () => {
    const issued = await authority.issue({ dnsNames: ["localhost"], usages: ["clientAuth"] });
    await expect(shake(issued, { servername: "localhost" })).rejects.toMatchObject({
      code: "INVALID_PURPOSE",
    });
  });
});

describe("a client's certificate", () => {
  const asksForOne = (): TlsOptions => ({ requestCert: true, ca: authority.certificatePem });
  const showing = ({ certificatePem: cert, privateKeyPem: key }: Issued): ConnectionOptions => ({
    servername: "localhost",
    cert,
    key,
  });

  test.each(["client", undefined])("brings its URI; its subject is %s", async (commonName) => {
    const client = await authority.issue({
      ...(commonName !== undefined && { commonName }),
      uris: ["spiffe://org.localhost/client"],
    });
    const shown = await shake(localhost, showing(client), asksForOne());
    expect(shown?.subjectAltName).toBe("URI:spiffe://org.localhost/client");
    expect(shown?.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
  });

  test("is refused from another authority", async () => {
    const client = await (await createAuthority("theirs")).issue({ commonName: "client" });
    await expect(shake(localhost, showing(client), asksForOne())).rejects.toThrow(
      // Node's server hangs up, and says no more.
      "socket hang up",
    );
  });
});

test("an authority goes on from its two files", async () => {
  const { certificatePem, privateKeyPem } = authority;
  const again = await openAuthority({ certificatePem, privateKeyPem });
  const issued = await again.issue({ dnsNames: ["localhost"] });
  await expect(shake(issued, { servername: "localhost" })).resolves.toBeUndefined();
});

test("names are kept as they are", async () => {
  const name = 'an "authority", of O=org';
  const { certificatePem } = await createAuthority(name);
  expect(new X509Certificate(certificatePem).toLegacyObject().subject).toEqual({ CN: name });
});

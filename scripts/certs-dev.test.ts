import { X509Certificate } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { openAuthority } from "./certificates.ts";
import { mustRun, root } from "./run.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certs-dev-test-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const makeCertificates = (): Promise<string> =>
  mustRun(process.execPath, [join(root, "scripts/certs-dev.ts"), folder]);

const text = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

/** Each file with its content. */
async function files(): Promise<Record<string, string>> {
  const names = await readdir(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await text(name)] as const)),
  );
}

/** Which files the command makes anew. */
async function remade(): Promise<string[]> {
  const before = await files();
  await makeCertificates();
  const after = await files();
  return Object.keys(after).filter((name) => after[name] !== before[name]);
}

const issued = async (name: string): Promise<X509Certificate> =>
  new X509Certificate(await text(`${name}.pem`));

test("what both sides need is made once, and secrets are for their owner alone", async () => {
  expect(await makeCertificates()).toContain(`TLS_CERT_FILE=${join(folder, "server.pem")}`);
  expect(await remade()).toEqual([]);

  const names = await readdir(folder);
  const secrets = ["ca-key.pem", "client-key.pem", "server-key.pem", "signing-key.json"];
  expect(names.toSorted()).toEqual(
    [...secrets, "ca.pem", "client.pem", "jwks.json", "server.pem"].toSorted(),
  );
  for (const name of secrets) {
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  }
  const [ca, server, client] = [await issued("ca"), await issued("server"), await issued("client")];
  expect([server.verify(ca.publicKey), client.verify(ca.publicKey)]).toEqual([true, true]);
  for (const name of ["localhost", "product-service", "user-service"]) {
    expect(server.checkHost(name)).toBe(name);
  }
  expect(server.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(server.checkIP("::1")).toBe("::1");
  expect(client.subjectAltName).toBe("URI:spiffe://org.localhost/client");
});

test("what is gone, expires within a day, or is another authority's is made anew", async () => {
  await makeCertificates();
  await rm(join(folder, "client-key.pem"));
  expect(await remade()).toEqual(["client-key.pem", "client.pem"]);

  const authority = await openAuthority({
    certificatePem: await text("ca.pem"),
    privateKeyPem: await text("ca-key.pem"),
  });
  const old = await authority.issue({
    commonName: "server",
    validity: { notAfter: new Date(Date.now() + 60_000) },
  });
  await writeFile(join(folder, "server.pem"), old.certificatePem);
  await writeFile(join(folder, "server-key.pem"), old.privateKeyPem);
  expect(await remade()).toEqual(["server-key.pem", "server.pem"]);

  // A key that belongs to another certificate is of no use.
  await cp(join(folder, "client-key.pem"), join(folder, "server-key.pem"));
  expect(await remade()).toEqual(["server-key.pem", "server.pem"]);

  await rm(join(folder, "ca.pem"));
  expect((await remade()).toSorted()).toEqual([
    "ca-key.pem",
    "ca.pem",
    "client-key.pem",
    "client.pem",
    "server-key.pem",
    "server.pem",
  ]);
});

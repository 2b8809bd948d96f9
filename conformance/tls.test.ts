/** Who is connected by TLS, who is not, and what becomes of certificates that are replaced? On real sockets. */
import { once } from "node:events";
import { readFile, rename, writeFile } from "node:fs/promises";
import { connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type GetUserRequest, User, UserServiceDefinition } from "@org/contracts/user/v1";
import {
  authenticateByCertificate,
  type CallContext,
  Code,
  createLogger,
  implement,
  RpcError,
  type RunningServer,
  serve,
  type ServeOptions,
  TlsFileError,
} from "@org/kit";
import { type ClientTls, createChannel, createClient } from "@org/kit/client";
import { type Authority, createAuthority, type IssueOptions } from "../scripts/certificates.ts";
import { failureOf } from "./support/failure-of.ts";
import { report } from "./support/figures.ts";
import { mustRunTool, root, runTool, type ToolResult } from "./support/run-tool.ts";
import { startService } from "./support/service-process.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const { getUser } = UserServiceDefinition.methods;
const definition = { ...UserServiceDefinition, methods: { getUser } } as const;
const clientId = "spiffe://example.org/orders";
const dayMs = 24 * 60 * 60 * 1000;
const expired = {
  notBefore: new Date(Date.now() - 2 * dayMs),
  notAfter: new Date(Date.now() - dayMs),
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let ours: Authority;
let foreign: Authority;
let serverTls: { certFile: string; keyFile: string; clientCaFile: string };
let caFile: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  [ours, foreign] = await Promise.all([createAuthority("ours"), createAuthority("foreign")]);
  caFile = join(folder.path, "ca.pem");
  await writeFile(caFile, ours.certificatePem);
  const server = await issue(ours, "server", { dnsNames: ["localhost"] });
  serverTls = { ...server, clientCaFile: caFile };
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate in files of its own. */
async function issue(authority: Authority, name: string, options: IssueOptions): Promise<Pair> {
  const pair = {
    certFile: join(folder.path, `${name}.pem`),
    keyFile: join(folder.path, `${name}-key.pem`),
  };
  const { certificatePem, privateKeyPem } = await authority.issue(options);
  // As Kubernetes and cert-manager do: whoever reads the file gets one or the other.
  await writeFile(`${pair.certFile}~`, certificatePem);
  await writeFile(`${pair.keyFile}~`, privateKeyPem);
  await rename(`${pair.keyFile}~`, pair.keyFile);
  await rename(`${pair.certFile}~`, pair.certFile);
  return pair;
}

interface TestServer extends AsyncDisposable {
  readonly server: RunningServer;
  readonly log: readonly string[];
  readonly callers: CallContext["principal"][];
}

async function start(options: Partial<ServeOptions> = {}): Promise<TestServer> {
  const callers: CallContext["principal"][] = [];
  const log: string[] = [];
  const service = implement(definition, {
    getUser({ userId }: GetUserRequest, call) {
      callers.push(call.principal);
      return User.fromPartial({ id: userId });
    },
  });
  const server = await serve({
    services: [service],
    tls: serverTls,
    host: "localhost",
    logger: createLogger({ name: "test", destination: { write: (line) => void log.push(line) } }),
    signals: false,
    graceMs: 0,
    ...options,
  });
  return { server, log, callers, [Symbol.asyncDispose]: () => server.close() };
}

/** Calls once, on a channel of its own. */
async function callOnce({ server }: TestServer, tls: ClientTls | undefined): Promise<User> {
  const target = `dns:///localhost:${server.port}`;
  using channel = disposable(
    createChannel({ target, services: [UserServiceDefinition], ...(tls && { tls }) }),
  );
  const client = createClient(definition, { channel: channel.value });
  return await client.getUser({ userId: "u1" });
}

function disposable<T extends { close(): void }>(value: T): Disposable & { readonly value: T } {
  return {
    value,
    [Symbol.dispose]() {
      value.close();
    },
  };
}

describe("a client is refused", () => {
  let tests = 0;
  afterEach(() => {
    tests += 1;
  });
  afterAll(() => {
    report({
      what: "no certificate, a foreign authority's, an expired one, one for servers; TLS 1.1; plaintext; garbage; no HTTP/2",
      must: "refused",
      measured: `${tests} of 8 refused`,
    });
  });

  const refused = { code: Code.UNAVAILABLE };

  test("without a certificate, where one is asked for", async () => {
    await using server = await start();
    expect(await failureOf(callOnce(server, { caFile }))).toMatchObject(refused);
    expect(server.callers).toEqual([]);
  });

  test.each([
    ["of a foreign authority", () => foreign, {}],
    ["that has expired", () => ours, { validity: expired }],
    ["that is for servers only", () => ours, { usages: ["serverAuth"] }],
  ] as const)("with a certificate %s", async (name, authority, options) => {
    const uris = [clientId];
    const pair = await issue(authority(), name.replaceAll(" ", "-"), { uris, ...options });
    await using server = await start();
    expect(await failureOf(callOnce(server, { caFile, ...pair }))).toMatchObject(refused);
    expect(server.callers).toEqual([]);
    expect(server.log.join("")).toContain("a client could not be connected by TLS");
  });

  test("in plaintext, and the port goes on", async () => {
    await using server = await start();
    expect(await failureOf(callOnce(server, undefined))).toMatchObject(refused);
    const pair = await issue(ours, "after-plaintext", { uris: [clientId] });
    expect(await callOnce(server, { caFile, ...pair })).toMatchObject({ id: "u1" });
  });

  test("with TLS 1.1, and TLS 1.2 is taken", async () => {
    await using server = await start({ tls: { ...serverTls, clientCaFile: undefined } });
    const weak = { ciphers: "DEFAULT@SECLEVEL=0" };
    await expect(
      handshake(server, { ...weak, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" }),
    ).rejects.toThrow(/protocol version|unsupported protocol/i);
    const socket = await handshake(server, { maxVersion: "TLSv1.2" });
    expect(socket.getProtocol()).toBe("TLSv1.2");
    socket.destroy();
  });

  test("that begins a handshake with anything else", async () => {
    await using server = await start();
    const socket = connectTcp(server.server.port, "localhost");
    socket.on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\n\r\n");
    await once(socket, "close");
    expect(server.log.join("")).toContain("a client could not be connected by TLS");
  });

  test("that speaks no HTTP/2", async () => {
    await using server = await start({ tls: { ...serverTls, clientCaFile: undefined } });
    await expect(handshake(server, { ALPNProtocols: ["http/1.1"] })).rejects.toThrow(
      /no application protocol/i,
    );
  });
});

async function handshake({ server }: TestServer, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({
    host: "localhost",
    port: server.port,
    ca: ours.certificatePem,
    ALPNProtocols: ["h2"],
    ...options,
  });
  await once(socket, "secureConnect");
  return socket;
}

describe("a client refuses a server", () => {
  let tests = 0;
  afterEach(() => {
    tests += 1;
  });
  afterAll(() => {
    report({
      what: "a server of a foreign authority, of another name, expired, in plaintext",
      must: "refused by the client",
      measured: `${tests} of 5 refused`,
    });
  });

  test.each([
    ["of a foreign authority", () => foreign, { dnsNames: ["localhost"] }, /no trusted authority/],
    ["of another name", () => ours, { dnsNames: ["elsewhere"] }, /localhost.*elsewhere/],
    [
      "whose certificate has expired",
      () => ours,
      { dnsNames: ["localhost"], validity: expired },
      /expired/,
    ],
  ] as const)("%s, and says why", async (name, authority, options, reason) => {
    const pair = await issue(authority(), `server-${name.replaceAll(" ", "-")}`, options);
    await using server = await start({ tls: pair });
    const error = await failureOf(callOnce(server, { caFile }));
    expect(error.code).toBe(Code.UNAVAILABLE);
    expect(error.text).toMatch(reason);
  });

  test("in plaintext", async () => {
    await using server = await start();
    await using plain = await startPlain();
    expect((await failureOf(callOnce({ ...server, server: plain.server }, { caFile }))).code).toBe(
      Code.UNAVAILABLE,
    );
  });

  test("of another name than the one it is told to expect, and takes that", async () => {
    const pair = await issue(ours, "server-named", { dnsNames: ["product-service"] });
    await using server = await start({ tls: pair });
    expect((await failureOf(callOnce(server, { caFile }))).code).toBe(Code.UNAVAILABLE);
    expect(await callOnce(server, { caFile, serverName: "product-service" })).toMatchObject({
      id: "u1",
    });
  });
});

async function startPlain(): Promise<TestServer> {
  const logger = createLogger({ name: "test", level: "silent" });
  const server = await serve({
    services: [],
    host: "localhost",
    logger,
    signals: false,
    graceMs: 0,
  });
  return { server, log: [], callers: [], [Symbol.asyncDispose]: () => server.close() };
}

describe("a client's certificate", () => {
  test.each([
    ["its SPIFFE ID", { uris: [clientId], dnsNames: ["orders"] }, clientId],
    [
      "its first DNS name, where it has no URI",
      { dnsNames: ["Orders.example.org", "b"] },
      "orders.example.org",
    ],
    [
      "nobody, with two URIs",
      { uris: [clientId, "spiffe://example.org/b"], dnsNames: ["b"] },
      undefined,
    ],
    [
      "nobody, with a URI that is no SPIFFE ID",
      { uris: ["https://example.org/orders"] },
      undefined,
    ],
    ["nobody, with a wildcard", { dnsNames: ["*.example.org"] }, undefined],
    ["nobody, without a name", { commonName: "orders" }, undefined],
  ])("makes the caller %s", async (name, options, subject) => {
    const pair = await issue(ours, `named-${name.replaceAll(/\W/g, "-")}`, options);
    await using server = await start();
    await callOnce(server, { caFile, ...pair });
    const principal = subject === undefined ? undefined : { subject, scopes: new Set() };
    expect(server.callers).toEqual([principal]);
  });

  test("grants what the file says of it, also after that has changed", async () => {
    const file = join(folder.path, "grants.json");
    await writeFile(file, JSON.stringify({ [clientId]: ["users.read"] }));
    const pair = await issue(ours, "granted", { uris: [clientId] });
    const stranger = await issue(ours, "stranger", { uris: ["spiffe://example.org/stranger"] });
    const logger = createLogger({ name: "test", level: "silent" });
    await using server = await start({
      authenticate: authenticateByCertificate({ grants: { file }, logger }),
    });
    expect(await callOnce(server, { caFile, ...pair })).toMatchObject({ id: "u1" });
    expect(server.callers).toEqual([{ subject: clientId, scopes: new Set(["users.read"]) }]);
    expect(await failureOf(callOnce(server, { caFile, ...stranger }))).toMatchObject({
      code: Code.PERMISSION_DENIED,
      text: 'the caller lacks the scope "users.read"',
    });
    await writeFile(file, "{");
    await writeFile(file, JSON.stringify({}));
    await until(
      async () =>
        (await refusalOfAny(callOnce(server, { caFile, ...pair })))?.code ===
        Code.PERMISSION_DENIED,
    );
  });

  test("is of no use where nobody asks for it", async () => {
    const pair = await issue(ours, "not-asked", { uris: [clientId] });
    const authenticate = authenticateByCertificate({ grants: { [clientId]: ["users.read"] } });
    await using server = await start({
      authenticate,
      tls: { ...serverTls, clientCaFile: undefined },
    });
    expect((await failureOf(callOnce(server, { caFile, ...pair }))).code).toBe(
      Code.UNAUTHENTICATED,
    );
  });
});

async function refusalOfAny(called: Promise<unknown>): Promise<RpcError | undefined> {
  try {
    await called;
    return undefined;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
}

/** Asks again until the answer is yes: for what is looked at by the clock. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition()));
}

describe("files that change", () => {
  test("a new certificate of the server is shown within 5 s; one that does not fit is not, and the log says so", async () => {
    const tls = await issue(ours, "rotated", { dnsNames: ["localhost"], commonName: "first" });
    await using server = await start({ tls });
    const shown = async (): Promise<string> => {
      const socket = await handshake(server, {});
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return [subject.CN].flat().join();
    };
    expect(await shown()).toBe("first");

    await issue(ours, "rotated", { dnsNames: ["localhost"], commonName: "second" });
    const replaced = performance.now();
    await until(async () => (await shown()) === "second");
    expect(performance.now() - replaced).toBeLessThan(5_000);

    const other = await ours.issue({ dnsNames: ["localhost"], commonName: "third" });
    await writeFile(tls.keyFile, other.privateKeyPem);
    const problem = "changed TLS files cannot be used: those from before stay in use";
    await until(() => turn(server.log.some((line) => line.includes(problem))));
    expect(await shown()).toBe("second");
    expect(server.log.join("")).toContain("does not belong to the certificate");
    await writeFile(tls.certFile, other.certificatePem);
    await until(async () => (await shown()) === "third");
  }, 60_000);

  test("a client shows its new certificate on its next connection, and keeps the old one while that is broken", async () => {
    await using server = await start();
    const pair = await issue(ours, "client-rotated", { uris: ["spiffe://example.org/first"] });
    using channel = disposable(
      createChannel({
        target: `dns:///localhost:${server.server.port}`,
        services: [UserServiceDefinition],
        tls: { caFile, ...pair },
      }),
    );
    const client = createClient(definition, { channel: channel.value });
    const callerOf = async (): Promise<string | undefined> => {
      await client.getUser({ userId: "u" });
      return server.callers.at(-1)?.subject;
    };
    expect(await callerOf()).toBe("spiffe://example.org/first");
    await writeFile(pair.keyFile, "broken");
    expect(await callerOf()).toBe("spiffe://example.org/first");
    await issue(ours, "client-rotated", { uris: ["spiffe://example.org/second"] });
    // The connection that is there keeps the certificate that it was made with.
    expect(await callerOf()).toBe("spiffe://example.org/first");
    const { port } = server.server;
    await server.server.close();
    await using restarted = await start({ port });
    await client.getUser({ userId: "u" });
    expect(restarted.callers).toMatchObject([{ subject: "spiffe://example.org/second" }]);
  });

  test.each([
    ["is missing", (file: string) => `${file}.missing`, /cannot be read: .*ENOENT.*missing/],
    [
      "has no certificate",
      () => join(import.meta.dirname, "tls.test.ts"),
      /tls\.test\.ts has no certificate in PEM/,
    ],
  ])("one that %s stops the start, and is named", async (_, fileOf, message) => {
    const broken = { ...serverTls, certFile: fileOf(serverTls.certFile) };
    const started = start({ tls: broken });
    await expect(started).rejects.toThrow(TlsFileError);
    await expect(started).rejects.toThrow(message);
    const open = (): unknown =>
      createChannel({ target: "localhost:1", tls: { caFile: broken.certFile } });
    expect(open).toThrow(TlsFileError);
    expect(open).toThrow(message);
  });
});

/** Resolves in a later turn of the event loop. */
async function turn<T>(value: T): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  setImmediate(() => {
    resolve(value);
  });
  return promise;
}

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "a session of %s is not resumed, so that nobody comes in without a certificate that is still good",
  async (version) => {
    const pair = await issue(ours, `session-${version}`, { uris: [clientId] });
    await using server = await start();
    const only = { minVersion: version, maxVersion: version };
    const first = connectTls({
      host: "localhost",
      port: server.server.port,
      ca: ours.certificatePem,
      cert: await readFile(pair.certFile),
      key: await readFile(pair.keyFile),
      ALPNProtocols: ["h2"],
      ...only,
    });
    await once(first, "secureConnect");
    // With 1.3, a ticket would come with the first bytes: those of HTTP/2.
    await once(first, "data");
    const session = first.getSession();
    first.destroy();
    const second = handshake(server, { ...only, ...(session && { session }) }).then(
      async (socket) => {
        // With 1.3, the client hears only after its handshake that it was refused.
        await once(socket, "data");
      },
    );
    await expect(second).rejects.toThrow(/alert/);
  },
);

test("a handshake that ends during a shutdown leads to no call, and its client hears why", async () => {
  const pair = await issue(ours, "late", { uris: [clientId] });
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let calls = 0;
  const held = implement(definition, {
    async getUser({ userId }: GetUserRequest) {
      calls += 1;
      begun.resolve();
      await release.promise;
      return User.fromPartial({ id: userId });
    },
  });
  const host = "127.0.0.1";
  const server = await start({ services: [held], host, graceMs: 20_000 });
  const raw = connectTcp(server.server.port, host);
  await once(raw, "connect");
  // Its connection is accepted after that one, and it keeps the server.
  const call = callOnce(server, { ...pair, caFile });
  await begun.promise;
  const closed = server.server.close();

  const socket = connectTls({
    socket: raw,
    host: "localhost",
    ca: ours.certificatePem,
    cert: await readFile(pair.certFile),
    key: await readFile(pair.keyFile),
    ALPNProtocols: ["h2"],
  });
  const session = connectHttp2("https://localhost", { createConnection: () => socket });
  const stream = session.request({
    ":method": "POST",
    ":path": "/org.user.v1.UserService/GetUser",
  });
  const refused = once(stream, "error");
  expect(await once(session, "goaway")).toMatchObject({ 0: constants.NGHTTP2_NO_ERROR });
  expect(await refused).toMatchObject([{ code: "ERR_HTTP2_STREAM_ERROR" }]);
  expect(stream.rstCode).toBe(constants.NGHTTP2_REFUSED_STREAM);
  release.resolve();
  await call;
  await closed;
  expect(calls).toBe(1);
});

test("a handshake that does not go on holds no shutdown up", async () => {
  const server = await start({ graceMs: 500 });
  const sockets = Array.from({ length: 20 }, () => connectTcp(server.server.port, "localhost"));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  const ends = sockets.map((socket) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    socket
      .on("error", () => undefined)
      .once("close", () => {
        resolve();
      });
    return promise;
  });
  await server.server.close();
  await Promise.all(ends);
  expect(server.callers).toEqual([]);
});

test("other people's clients connect, too", async () => {
  await using server = await start({ tls: { ...serverTls, clientCaFile: undefined } });
  const session = connectHttp2(`https://localhost:${server.server.port}`, {
    ca: ours.certificatePem,
  });
  await once(session, "connect");
  expect(session.alpnProtocol).toBe("h2");
  session.close();
  await once(session, "close");
});

test("services, the command line and the certificates for development fit together", async () => {
  const dev = join(folder.path, "dev");
  await mustRunTool(process.execPath, [join(root, "scripts/certs-dev.ts"), dev]);
  const grants = join(dev, "grants.json");
  const scopes = ["products.read", "products.write"];
  await writeFile(grants, JSON.stringify({ "spiffe://org.localhost/client": scopes }));
  await using service = await startService({
    name: "product-service",
    dataDir: "memory://",
    env: {
      TLS_CERT_FILE: join(dev, "server.pem"),
      TLS_KEY_FILE: join(dev, "server-key.pem"),
      TLS_CLIENT_CA_FILE: join(dev, "ca.pem"),
      TLS_CLIENT_GRANTS_FILE: grants,
      NODE_ENV: "production",
      EMBEDDED_DATABASE: "true",
    },
  });
  const client = join(root, "packages/client/src/cli/main.ts");
  const listProducts = (...options: string[]): Promise<ToolResult> =>
    runTool(process.execPath, [
      ...[client, "--products", service.target, ...options],
      ...["product", "list", "Electronics"],
    ]);
  const ca = ["--ca-file", join(dev, "ca.pem")];
  const own = ["--cert-file", join(dev, "client.pem"), "--key-file", join(dev, "client-key.pem")];
  expect(await listProducts(...ca, ...own)).toMatchObject({ code: 0 });
  for (const lacking of [[], ca]) {
    const { code, stderr } = await listProducts(...lacking);
    expect({ code, isUnavailable: stderr.startsWith("UNAVAILABLE") }).toEqual({
      code: 1,
      isUnavailable: true,
    });
  }
  for (const wrong of [
    own,
    [...ca, "--cert-file", join(dev, "client.pem")],
    ["--ca-file", join(dev, "none")],
  ]) {
    expect(await listProducts(...wrong)).toMatchObject({ code: 2 });
  }
}, 60_000);

/** Is a caller recognised by its token, and by nothing that only looks like one? Against a real key set over HTTP. */
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type GetUserRequest, User, UserServiceDefinition } from "@org/contracts/user/v1";
import {
  authenticateByJwt,
  type CallContext,
  Code,
  createLogger,
  implement,
  type KeySetSource,
  RpcError,
  type RunningServer,
  serve,
} from "@org/kit";
import { createClient } from "@org/kit/client";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { report } from "./support/figures.ts";
import { openChannel } from "./support/open-channel.ts";
import { mustRunTool, root, runTool, type ToolResult } from "./support/run-tool.ts";
import { startService } from "./support/service-process.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const commandLine = join(root, "packages/client/src/cli/main.ts");
const issuer = "https://issuer.example";
const audience = "org";
const { getUser } = UserServiceDefinition.methods;
const definition = { ...UserServiceDefinition, methods: { getUser } } as const;

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

let ours: Keys;
let foreign: Keys;
let publicKeys: JWK[];

beforeAll(async () => {
  [ours, foreign] = await Promise.all([newKeys(), newKeys()]);
  publicKeys = [await publicJwk(ours, "ours")];
});

/** An issuer's key set over HTTP, and how often it was asked for. */
let issuerServer: Server;
let fetches = 0;
let answer: () => { status: number; body: string };
let url: string;

beforeEach(async () => {
  fetches = 0;
  answer = () => ({ status: 200, body: JSON.stringify({ keys: publicKeys }) });
  issuerServer = createServer((_, response) => {
    fetches += 1;
    const { status, body } = answer();
    response.writeHead(status, { "content-type": "application/jwk-set+json" }).end(body);
  });
  await once(issuerServer.listen(0, "127.0.0.1"), "listening");
  const address = issuerServer.address();
  if (address === null || typeof address === "string") throw new Error("it listens on no port");
  url = `http://127.0.0.1:${address.port}/jwks.json`;
});

afterEach(async () => {
  issuerServer.closeAllConnections();
  issuerServer.close();
  await server?.close();
  server = undefined;
});

let server: RunningServer | undefined;
/** Who called the handler. */
let handled: CallContext["principal"][] = [];

/** Starts a server that believes tokens of the key set, and answers what calls it with a header get. */
async function start(
  keys: KeySetSource = { url },
): Promise<(authorization?: string | readonly string[]) => Promise<User>> {
  handled = [];
  const service = implement(definition, {
    getUser({ userId }: GetUserRequest, call) {
      handled.push(call.principal);
      return User.fromPartial({ id: userId });
    },
  });
  const logger = createLogger({ name: "test", level: "silent" });
  const started = await serve({
    services: [service],
    authenticate: authenticateByJwt({ issuer, audience, keys, logger }),
    logger,
    signals: false,
    graceMs: 0,
  });
  server = started;
  return async (authorization = []) => {
    using channel = openChannel(started.target);
    const metadata = new Metadata();
    for (const value of [authorization].flat()) metadata.add("authorization", value);
    const client = createClient(definition, channel);
    return await client.getUser({ userId: "u" }, { metadata });
  };
}

interface TokenOptions {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly keys?: Keys;
  /** When it was issued, in seconds from now. */
  readonly issuedIn?: number;
  readonly expiresIn?: number;
}

/** A token that is believed, except for what the test makes of it. */
function token({
  claims,
  header,
  keys = ours,
  issuedIn = 0,
  expiresIn = 300,
}: TokenOptions = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({
    iss: issuer,
    aud: audience,
    sub: "ada",
    scope: "users.read other",
    iat: now + issuedIn,
    nbf: now + issuedIn,
    exp: now + expiresIn,
    ...claims,
  })
    .setProtectedHeader({ alg: "ES256", kid: "ours", typ: "at+jwt", ...header })
    .sign(keys.privateKey, { crit: { "x-new": true } });
}

const bearer = async (options?: TokenOptions): Promise<string> => `Bearer ${await token(options)}`;

test("a good token lets its principal through, and is verified once", async () => {
  const call = await start();
  const authorization = await bearer();
  await Promise.all([call(authorization), call(authorization), call(authorization)]);
  expect(await call(authorization)).toMatchObject({ id: "u" });
  expect(handled).toHaveLength(4);
  expect(handled[0]).toEqual({ subject: "ada", scopes: new Set(["users.read", "other"]) });
  expect(fetches).toBe(1);
});

test("scopes may come as a list", async () => {
  const call = await start();
  await call(await bearer({ claims: { scp: ["users.read"], scope: undefined } }));
  expect(handled).toMatchObject([{ scopes: new Set(["users.read"]) }]);
});

test("a valid token without the scope is told which one", async () => {
  const call = await start();
  await expect(call(await bearer({ claims: { scope: "users.write" } }))).rejects.toMatchObject({
    code: Code.PERMISSION_DENIED,
    text: 'the caller lacks the scope "users.read"',
  });
  expect(handled).toEqual([]);
  report({
    what: "a valid token without the scope",
    must: "PERMISSION_DENIED that names the scope",
    measured: 'PERMISSION_DENIED: the caller lacks the scope "users.read"',
  });
});

test("a clock that is off by half a minute is forgiven, by five minutes it is not", async () => {
  const call = await start();
  await call(await bearer({ issuedIn: 30 }));
  await call(await bearer({ expiresIn: -30 }));
  await expect(call(await bearer({ issuedIn: 300 }))).rejects.toMatchObject({
    code: Code.UNAUTHENTICATED,
  });
  await expect(call(await bearer({ expiresIn: -300 }))).rejects.toMatchObject({
    code: Code.UNAUTHENTICATED,
    text: "the token has expired",
  });
  expect(handled).toHaveLength(2);
  report({
    what: "tokens where the issuer's clock is off by ± 30 s, ± 5 min",
    must: "first accepted, second refused",
    measured: "2 of 2 accepted, 2 of 2 refused",
  });
});

describe("what is refused before the handler runs", () => {
  const unsigned = (header: object): string =>
    [header, { iss: issuer, aud: audience, sub: "ada", scope: "users.read", exp: 4_000_000_000 }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
  const cases: [string, () => Promise<string> | string | readonly string[]][] = [
    ["no token", () => []],
    ["an empty header", () => ""],
    ["another scheme", () => "Basic YWRhOmFkYQ=="],
    ["no token after the scheme", () => "Bearer "],
    ["something that is no token", () => "Bearer nonsense"],
    ["the algorithm none", () => `Bearer ${unsigned({ alg: "none" })}.`],
    ["the algorithm None", () => `Bearer ${unsigned({ alg: "None" })}.`],
    [
      "a token without its signature",
      async () => `Bearer ${(await token()).replace(/[^.]+$/, "")}`,
    ],
    [
      "another's signature",
      async () => {
        const [mine, theirs] = await Promise.all([token(), token({ keys: foreign })]);
        return `Bearer ${mine.replace(/[^.]+$/, theirs.split(".")[2] ?? "")}`;
      },
    ],
    ["a foreign key under our key's name", () => bearer({ keys: foreign })],
    [
      "HS256, signed with the public key",
      async () => {
        const secret = new TextEncoder().encode(await exportSPKI(ours.publicKey));
        const signed = await new SignJWT({ sub: "ada", scope: "users.read" })
          .setProtectedHeader({ alg: "HS256", kid: "ours" })
          .setIssuer(issuer)
          .setAudience(audience)
          .setExpirationTime("5m")
          .sign(secret);
        return `Bearer ${signed}`;
      },
    ],
    ["another audience", () => bearer({ claims: { aud: "others" } })],
    ["no audience", () => bearer({ claims: { aud: undefined } })],
    ["another issuer", () => bearer({ claims: { iss: "https://evil.example" } })],
    ["another type", () => bearer({ header: { typ: "logout+jwt" } })],
    ["no end", () => bearer({ claims: { exp: undefined } })],
    ["no subject", () => bearer({ claims: { sub: undefined } })],
    ["a critical extension", () => bearer({ header: { crit: ["x-new"], "x-new": 1 } })],
    ["64 KB", () => `Bearer ${"a".repeat(64 * 1024)}`],
  ];
  let refused = 0;

  afterAll(() => {
    report({
      what: "tokens that are forged, expired, for others, of another type or too long",
      must: "refused, the handler never runs, ≤ 1 JWKS fetch",
      measured: `${refused} of ${cases.length} forms refused`,
    });
  });

  test.each(cases)("%s", async (_, make) => {
    const call = await start();
    const authorization = await make();
    const error: unknown = await call(authorization).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RpcError);
    // What is too large for a header is refused by HTTP/2 itself.
    expect([Code.UNAUTHENTICATED, Code.RESOURCE_EXHAUSTED, Code.INTERNAL]).toContain(
      error instanceof RpcError && error.code,
    );
    expect(handled).toEqual([]);
    expect(fetches).toBeLessThanOrEqual(1);
    refused += 1;
  });
});

test("a thousand tokens of unknown keys cost one fetch", async () => {
  const call = await start();
  await call(await bearer());
  const signed = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      bearer({ header: { kid: `unknown-${index}` }, keys: foreign }),
    ),
  );
  // Each verification is one of its own, as none is remembered.
  for (let round = 0; round < 20; round++) {
    const results = await Promise.allSettled(signed.map((each) => call(each)));
    expect(results.every(({ status }) => status === "rejected")).toBe(true);
  }
  expect(fetches).toBe(1);
  expect(handled).toHaveLength(1);
  report({
    what: "1,000 tokens of keys that nobody knows",
    must: "UNAUTHENTICATED, the handler never runs, ≤ 1 JWKS fetch a minute",
    measured: `${fetches} fetch, ${handled.length - 1} reached the handler`,
  });
}, 60_000);

test("while there are no keys, callers are told to come back, and one fetch is made", async () => {
  answer = () => ({ status: 503, body: "" });
  const call = await start();
  const authorization = await bearer();
  for (let again = 0; again < 5; again++) {
    const error = await call(authorization).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: Code.UNAVAILABLE, retryAfterMs: expect.any(Number) });
  }
  expect(handled).toEqual([]);
  expect(fetches).toBe(1);
});

test.each([
  ["no JSON", "<html>"],
  ["no set", "{}"],
  ["more than a set", JSON.stringify({ keys: [], padding: "x".repeat(2 * 1024 * 1024) })],
])("an issuer that answers with %s has no keys", async (_, body) => {
  answer = () => ({ status: 200, body });
  const call = await start();
  await expect(call(await bearer())).rejects.toMatchObject({ code: Code.UNAVAILABLE });
});

test("keys in a file are read again when it changes", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "jwks.json");
  await writeFile(file, JSON.stringify({ keys: [] }));
  const call = await start({ file });
  await expect(call(await bearer())).rejects.toMatchObject({
    code: Code.UNAUTHENTICATED,
    text: "the token is signed with a key that is not known",
  });
  const next = `${file}.next`;
  await writeFile(next, JSON.stringify({ keys: publicKeys }));
  await rename(next, file);
  // Looked at once a second at the most.
  await expect(eventually(async () => call(await bearer()))).resolves.toMatchObject({ id: "u" });
});

test("services and the command line are told by their environment", async () => {
  const env = { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_JWKS_URL: url };
  await using users = await startService({ name: "user-service", dataDir: "memory://", env });
  await using folder = await temporaryFolder();
  const file = join(folder.path, "token");
  await writeFile(file, `${await token({ claims: { scope: "users.read users.write" } })}\n`);
  const create = ["user", "create", "--name", "Ada", "--email", "ada@example.com"];
  const run = (
    args: readonly string[],
    variables: Readonly<Record<string, string>> = {},
  ): Promise<ToolResult> =>
    runTool(process.execPath, [commandLine, "--users", users.target, ...args], { env: variables });
  const [nobody, reader, writer] = await Promise.all([
    run(create),
    run(create, { ACCESS_TOKEN: await token() }),
    run(["--token-file", file, ...create]),
  ]);
  expect(nobody).toMatchObject({ code: 1, stderr: expect.stringMatching(/^UNAUTHENTICATED: /) });
  expect(reader.stderr).toMatch(/^PERMISSION_DENIED: the caller lacks the scope "users.write"/);
  expect(writer).toMatchObject({ code: 0, stderr: "" });
  const path = "org.user.v1.UserService/ListUsers";
  const listed = await run(["--token-file", file, "call", path, "{}", "--target", users.target]);
  expect(listed.stdout).toContain('"name":"Ada"');
  expect(users.printed()).toContain('"authentication":true');
}, 60_000);

test("the command line signs tokens for development, by a key that is made once", async () => {
  await using folder = await temporaryFolder();
  const makeKeys = [join(root, "scripts/certs-dev.ts"), folder.path];
  await mustRunTool(process.execPath, makeKeys);
  const key = join(folder.path, "signing-key.json");
  const made = await readFile(key, "utf8");
  expect((await stat(key)).mode & 0o077).toBe(0);
  await mustRunTool(process.execPath, makeKeys);
  expect(await readFile(key, "utf8")).toBe(made);

  const sign = [commandLine, "token", "--key", key, "--issuer", issuer, "--scope", "users.read"];
  const signed = await mustRunTool(process.execPath, sign);
  const call = await start({ file: join(folder.path, "jwks.json") });
  expect(await call(`Bearer ${signed.trim()}`)).toMatchObject({ id: "u" });
  expect(handled).toEqual([{ subject: "developer", scopes: new Set(["users.read"]) }]);

  const missing = await runTool(process.execPath, [commandLine, "token", "--key", "nowhere.json"]);
  expect(missing).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("certs:dev"),
  });
  await writeFile(key, made.replace('"kid"', '"kit"'));
  const wrong = await runTool(process.execPath, [commandLine, "token", "--key", key]);
  expect(wrong).toMatchObject({ code: 2, stdout: "" });
  expect(wrong.stderr).not.toContain(/"d": "([^"]+)"/.exec(made)?.[1] ?? "d");
}, 60_000);

/** What it answers once it does not fail any more. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
  }
}

function newKeys(): Promise<Keys> {
  return generateKeyPair("ES256", { extractable: true });
}

async function publicJwk(keys: Keys, kid: string): Promise<JWK> {
  return { ...(await exportJWK(keys.publicKey)), kid, alg: "ES256", use: "sig" };
}

afterAll(() => {
  issuerServer.close();
});

/** Do calls reach the replicas that answer, and only those, in equal shares? Over real sockets, some of them faulty. */
import { once } from "node:events";
import { constants, createServer as createHttp2Server } from "node:http2";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import type { Metadata } from "@grpc/grpc-js";
import { User, UserServiceDefinition } from "@org/contracts/user/v1";
import { createLogger } from "@org/kit";
import {
  type ChannelSettings,
  type Client,
  Code,
  createChannel,
  createClient,
  RpcError,
} from "@org/kit/client";
import {
  type CountingServer,
  startCountingServer,
  userReading,
} from "./support/counting-server.ts";
import { failureOf } from "./support/failure-of.ts";
import { startProxy } from "./support/faulty-proxy.ts";

/** Longer than a peer may be silent before it is disconnected. */
const slow = 30_000;

interface TestClient extends Disposable {
  readonly client: Client<typeof userReading>;
}

function connectTo(
  targets: readonly string[],
  settings: Partial<ChannelSettings> = {},
): TestClient {
  const channel = createChannel({
    target: `ipv4:${targets.join(",")}`,
    services: [UserServiceDefinition],
    ...settings,
  });
  return {
    client: createClient(userReading, { channel }),
    [Symbol.dispose]: () => {
      channel.close();
    },
  };
}

async function callTimes(client: TestClient["client"], count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await client.getUser({ userId: "u" });
}

/** Calls until each of the servers has had one: connections are made one after the other. */
async function callAll(
  client: TestClient["client"],
  servers: readonly CountingServer[],
): Promise<void> {
  while (servers.some(({ calls }) => calls === 0)) await callTimes(client, 1);
}

/** How many more calls each server has had after that. */
async function sharesOf(
  servers: readonly CountingServer[],
  work: Promise<unknown>,
): Promise<number[]> {
  const before = servers.map(({ calls }) => calls);
  await work;
  return servers.map(({ calls }, index) => calls - (before[index] ?? 0));
}

describe("a list of replicas", () => {
  test("is called in turns", async () => {
    await using a = await startCountingServer();
    await using b = await startCountingServer();
    await using c = await startCountingServer();
    const servers = [a, b, c];
    using connected = connectTo(servers.map(({ server }) => server.target));
    await callAll(connected.client, servers);
    expect(await sharesOf(servers, callTimes(connected.client, 300))).toEqual([100, 100, 100]);
  });

  test("is not, where one is to be used as long as it answers", async () => {
    await using a = await startCountingServer();
    await using b = await startCountingServer();
    using connected = connectTo([a.server.target, b.server.target], {
      balancing: { policy: "pick_first" },
    });
    await callTimes(connected.client, 100);
    expect([a.calls, b.calls].toSorted((x, y) => x - y)).toEqual([0, 100]);
  });

  test("loses one that fails nearly all of its calls, and gets it back", async () => {
    let isBroken = true;
    const broken = await startCountingServer(() => {
      if (isBroken) throw new RpcError(Code.INTERNAL, "broken");
      return User.fromPartial({ id: "u" });
    });
    await using a = await startCountingServer();
    await using b = await startCountingServer();
    const servers = [a, b, broken];
    using connected = connectTo(
      servers.map(({ server }) => server.target),
      { balancing: { outlierDetection: { intervalMs: 100, baseEjectionMs: 1_000 } } },
    );
    const { client } = connected;
    const callAnyway = (): Promise<unknown> =>
      client.getUser({ userId: "u" }).catch(() => undefined);
    // Until thirty calls in a row have passed it over.
    for (let passedOver = 0; passedOver < 30; ) {
      const [, , share] = await sharesOf(servers, callAnyway());
      passedOver = share === 0 ? passedOver + 1 : 0;
    }
    isBroken = false;
    const before = broken.calls;
    while (broken.calls === before) await callAnyway();
    expect(broken.calls).toBe(before + 1);
    await broken[Symbol.asyncDispose]();
  });

  test("has several connections to each where that is asked for", async () => {
    await using a = await startCountingServer();
    using connected = connectTo([a.server.target], { connections: 3 });
    await callTimes(connected.client, 30);
    expect(a.peers.size).toBe(3);
  });
});

describe("a replica that is silent", () => {
  test(
    "from the moment it accepts is given up after 5 s, and others are used at once",
    async () => {
      await using silent = await listenInSilence();
      await using good = await startCountingServer();
      using connected = connectTo([silent.target, good.server.target]);
      await callTimes(connected.client, 20);
      expect(good.calls).toBe(20);

      using alone = connectTo([silent.target]);
      const error = await failureOf(alone.client.getUser({ userId: "u" }, { timeoutMs: 20_000 }));
      expect(error.code).toBe(Code.UNAVAILABLE);
    },
    slow,
  );

  test(
    "all of a sudden is passed over within a second, and its calls go elsewhere",
    async () => {
      const answered = Promise.withResolvers<void>();
      let holds = false;
      await using a = await startCountingServer(async ({ userId }) => {
        if (holds) await answered.promise;
        return User.fromPartial({ id: userId });
      });
      await using b = await startCountingServer();
      await using proxy = await startProxy(a.server.target);
      using connected = connectTo([proxy.target, b.server.target]);
      const { client } = connected;
      await callAll(client, [a, b]);

      holds = true;
      const held: Promise<unknown>[] = [];
      // Of two in turns, one is on the replica that is about to be cut off.
      const callsBefore = a.calls;
      held.push(client.getUser({ userId: "held" }), client.getUser({ userId: "held" }));
      while (a.calls === callsBefore) await turn();
      proxy.mode = { kind: "blackhole" };
      const cutOff = performance.now();
      const late: string[] = [];
      for (let begun = cutOff; begun - cutOff < 1_500; begun = performance.now()) {
        const outcome = await client.getUser({ userId: "u" }, { timeoutMs: 300 }).then(
          () => "answered",
          () => "failed",
        );
        if (begun - cutOff > 1_000) late.push(outcome);
      }
      expect(new Set(late)).toEqual(new Set(["answered"]));
      // Idempotent, they are tried again once the connection has been given up.
      expect(await Promise.all(held)).toMatchObject([{ id: "held" }, { id: "held" }]);
      answered.resolve();
    },
    slow,
  );

  test(
    "in a call alone, and not to pings, is waited for",
    async () => {
      await using a = await startCountingServer(async ({ userId }) => {
        await delay(4_000);
        return User.fromPartial({ id: userId });
      });
      using connected = connectTo([a.server.target]);
      expect(await connected.client.getUser({ userId: "u" }, { timeoutMs: 20_000 })).toMatchObject({
        id: "u",
      });
      expect(a.calls).toBe(1);
    },
    slow,
  );
});

describe("of two connections to one replica", () => {
  test(
    "one that never answers is given up, and made again",
    async () => {
      await using a = await startCountingServer();
      await using links = await startLinks(a.server.target, (index) => index === 1);
      using connected = connectTo([links.target], { connections: 2 });
      const begun = performance.now();
      const late: string[] = [];
      while (performance.now() - begun < 8_000) {
        const at = performance.now() - begun;
        const outcome = await outcomeOf(
          connected.client.getUser({ userId: "u" }, { timeoutMs: 300 }),
        );
        if (at > 6_500) late.push(outcome);
      }
      expect(new Set(late)).toEqual(new Set(["answered"]));
      expect(links.count).toBeGreaterThan(2);
    },
    slow,
  );

  test(
    "one that goes silent is closed, though the other speaks",
    async () => {
      await using a = await startCountingServer();
      await using links = await startLinks(a.server.target, () => false);
      using connected = connectTo([links.target], { connections: 2 });
      while (links.count < 2) await callTimes(connected.client, 1);
      await callTimes(connected.client, 2);
      links.mute(0);
      const begun = performance.now();
      const late: string[] = [];
      while (performance.now() - begun < 7_000) {
        const at = performance.now() - begun;
        const outcome = await outcomeOf(
          connected.client.getUser({ userId: "u" }, { timeoutMs: 300 }),
        );
        if (at > 5_500) late.push(outcome);
      }
      expect(new Set(late)).toEqual(new Set(["answered"]));
    },
    slow,
  );
});

async function outcomeOf(call: Promise<unknown>): Promise<"answered" | "failed"> {
  return await call.then(
    () => "answered",
    () => "failed",
  );
}

/** Connections through which a server is reached, each of which can be cut without being closed. */
interface Links extends AsyncDisposable {
  readonly target: string;
  /** How many there have been. */
  readonly count: number;
  mute(index: number): void;
}

async function startLinks(target: string, isMute: (index: number) => boolean): Promise<Links> {
  const [host, port] = target.split(":");
  const mutes: (() => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const socket of [near, far]) sockets.add(socket.on("error", () => undefined));
    near.pipe(far).pipe(near);
    near.on("close", () => far.destroy());
    const mute = (): void => {
      near.unpipe(far).resume();
      far.unpipe(near).resume();
    };
    if (isMute(mutes.length)) mute();
    mutes.push(mute);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    target: addressOf(server),
    get count() {
      return mutes.length;
    },
    mute: (index) => {
      mutes[index]?.();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), "close");
    },
  };
}

function addressOf(server: Pick<Server, "address">): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens on no port");
  return `127.0.0.1:${address.port}`;
}

/** Resolves in a later turn of the event loop. */
function turn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}

/** A server that accepts connections, and says nothing at all. */
async function listenInSilence(): Promise<AsyncDisposable & { readonly target: string }> {
  const sockets = new Set<{ destroy(): void }>();
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined).resume();
    sockets.add(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    target: addressOf(server),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), "close");
    },
  };
}

test(
  "a client that is cut off is disconnected, and its calls are cancelled",
  async () => {
    const told = Promise.withResolvers<unknown>();
    const reached = Promise.withResolvers<void>();
    await using a = await startCountingServer(
      async (_request, { signal }) => {
        reached.resolve();
        await once(signal, "abort");
        told.resolve(signal.reason);
        throw signal.reason;
      },
      { keepaliveMs: 200 },
    );
    await using proxy = await startProxy(a.server.target);
    using connected = connectTo([proxy.target]);
    const call = failureOf(connected.client.getUser({ userId: "u" }, { timeoutMs: 25_000 }));
    await reached.promise;
    proxy.mode = { kind: "blackhole" };
    expect(await told.promise).toMatchObject({ code: Code.CANCELLED });
    expect((await call).code).toBe(Code.UNAVAILABLE);
  },
  slow,
);

describe("a retry", () => {
  const unavailable = (metadata?: Metadata): RpcError =>
    new RpcError(Code.UNAVAILABLE, "try again", metadata && { metadata });

  test("waits as long as the server asks for", async () => {
    const times: number[] = [];
    await using a = await startCountingServer(({ userId }, call) => {
      times.push(performance.now());
      if (times.length > 1) return User.fromPartial({ id: userId });
      call.trailer.set("grpc-retry-pushback-ms", "700");
      throw unavailable();
    });
    using connected = connectTo([a.server.target]);
    await callTimes(connected.client, 1);
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(699);
  });

  test("is not made where the server says so", async () => {
    await using a = await startCountingServer((_request, call) => {
      call.trailer.set("grpc-retry-pushback-ms", "-1");
      throw unavailable();
    });
    using connected = connectTo([a.server.target]);
    expect((await failureOf(callTimes(connected.client, 1))).code).toBe(Code.UNAVAILABLE);
    expect(a.calls).toBe(1);
  });

  test("is seen in the logs of both sides", async () => {
    let failures = 2;
    await using a = await startCountingServer(({ userId }) => {
      failures -= 1;
      if (failures >= 0) throw unavailable();
      return User.fromPartial({ id: userId });
    });
    const log: string[] = [];
    const logger = createLogger({
      name: "client",
      destination: { write: (line) => void log.push(line) },
    });
    using connected = connectTo([a.server.target], { logger });
    await callTimes(connected.client, 2);
    const path = "/org.user.v1.UserService/GetUser";
    const retried = log.map((line): unknown => JSON.parse(line));
    expect(retried).toMatchObject([{ msg: "a call was retried", path, retries: 2, code: "OK" }]);
    const attempts = a.log
      .map((line): unknown => JSON.parse(line))
      .filter((line) => typeof line === "object" && line !== null && "previousAttempts" in line);
    // At most one line a second.
    expect(attempts).toMatchObject([{ msg: "a call is tried again", path, previousAttempts: 1 }]);
  });
});

test("calls whose deadlines pass do not harm others on the same connection", async () => {
  const never = new Promise<never>(() => undefined);
  await using a = await startCountingServer(({ userId }) =>
    userId === "slow" ? never : User.fromPartial({ id: userId }),
  );
  using connected = connectTo([a.server.target]);
  const { client } = connected;
  await callTimes(client, 1);
  // A Node server takes 1,000 resets at once, and then closes the connection.
  const late = Array.from({ length: 1_500 }, () =>
    failureOf(client.getUser({ userId: "slow" }, { timeoutMs: 300 })),
  );
  const codes = new Set((await Promise.all(late)).map(({ code }) => code));
  expect([...codes]).toEqual([Code.DEADLINE_EXCEEDED]);
  await callTimes(client, 100);
  expect(a.peers.size).toBe(1);
});

test("a call whose deadline passes is reset where the server does not end it", async () => {
  const reset = Promise.withResolvers<number>();
  const server = createHttp2Server((request) => {
    request.stream.on("aborted", () => {
      reset.resolve(request.stream.rstCode ?? Number.NaN);
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  using connected = connectTo([addressOf(server)]);
  const begun = performance.now();
  const error = await failureOf(connected.client.getUser({ userId: "u" }, { timeoutMs: 100 }));
  expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
  expect(await reset.promise).toBe(constants.NGHTTP2_CANCEL);
  // The server is given a second to end it by itself.
  expect(performance.now() - begun).toBeGreaterThan(1_000);
  server.close();
});

test("a call whose deadline passes is reset at once where the server allows few at a time", async () => {
  const reset = Promise.withResolvers<void>();
  const server = createHttp2Server({ settings: { maxConcurrentStreams: 100 } }, (request) => {
    request.stream.on("aborted", () => {
      reset.resolve();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  using connected = connectTo([addressOf(server)]);
  const begun = performance.now();
  await failureOf(connected.client.getUser({ userId: "u" }, { timeoutMs: 100 }));
  await reset.promise;
  expect(performance.now() - begun).toBeLessThan(1_000);
  server.close();
});

test.each([
  ["an idempotent call is sent again", "getUser", 2],
  ["another call is not", "createUser", 1],
] as const)(
  "where a connection is lost between header and message, %s",
  async (_, method, expected) => {
    let calls = 0;
    const server = createHttp2Server();
    server.on("stream", (stream) => {
      calls += 1;
      stream.on("error", () => undefined);
      stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
      if (calls === 1) {
        const { session } = stream;
        // Once it has been answered, the client has read the header.
        session?.ping(() => {
          session.destroy();
        });
        return;
      }
      stream.on("wantTrailers", () => {
        stream.sendTrailers({ "grpc-status": "0" });
      });
      stream.end(Buffer.alloc(5));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const channel = createChannel({ target: addressOf(server), services: [UserServiceDefinition] });
    const users = createClient(UserServiceDefinition, { channel });
    const call = {
      getUser: () => users.getUser({ userId: "u" }),
      createUser: () => users.createUser({ name: "Ada", email: "ada@example.org" }),
    };
    expect(await outcomeOf(call[method]())).toBe(expected === 2 ? "answered" : "failed");
    expect(calls).toBe(expected);
    channel.close();
    server.close();
  },
);

test("a stream that its caller leaves while it is refused is not sent again", async () => {
  let calls = 0;
  const refused = Promise.withResolvers<void>();
  const server = createHttp2Server();
  server.on("stream", (stream) => {
    calls += 1;
    stream.on("error", () => undefined).close(constants.NGHTTP2_REFUSED_STREAM);
    // grpc-js sends it twice by itself; the next attempts have to wait.
    if (calls === 4) refused.resolve();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const channel = createChannel({ target: addressOf(server) });
  // Without the contract's retries, only what was refused is sent again.
  const definition = { fullName: userReading.fullName, methods: UserServiceDefinition.methods };
  const answers = createClient(definition, { channel }).listUsers({});
  const first = answers.next();
  await refused.promise;
  // The client has heard of it by then, and waits for 25 ms at least.
  await delay(10);
  await answers.return?.();
  await first;
  await delay(500);
  expect(calls).toBe(4);
  channel.close();
  server.close();
});

test("a call that a server has begun to answer is not sent again, whatever it says then", async () => {
  let calls = 0;
  const server = createHttp2Server((_request, response) => {
    calls += 1;
    response.writeHead(200, { "content-type": "application/grpc" });
    response.addTrailers({ "grpc-status": "14", "grpc-message": "Stream refused by server" });
    response.end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const target = addressOf(server);
  const channel = createChannel({ target, services: [UserServiceDefinition] });
  const users = createClient(UserServiceDefinition, { channel });
  const error = await failureOf(users.createUser({ name: "Ada", email: "ada@example.org" }));
  channel.close();
  server.close();
  expect(error.code).toBe(Code.UNAVAILABLE);
  expect(calls).toBe(1);
});

describe("what would not do what it says is refused", () => {
  const open = (settings: Partial<ChannelSettings>): (() => unknown) => {
    return () => createChannel({ target: "localhost:1", ...settings });
  };
  const serviceConfig = (config: unknown): Partial<ChannelSettings> => ({
    channelOptions: { "grpc.service_config": JSON.stringify(config) },
  });
  const roundRobin = [{ round_robin: {} }];

  test.each([
    ["a URL", { target: "http://localhost:1" }, /must be gRPC's[^]*target/],
    ["no target", { target: "" }, /target/],
    ["no connection", { connections: 0 }, /connections/],
    ["no time between pings", { keepaliveMs: 0 }, /keepaliveMs/],
    [
      "a share above all",
      { balancing: { outlierDetection: { failurePercent: 101 } } },
      /failurePercent/,
    ],
    ["half a millisecond", { balancing: { outlierDetection: { intervalMs: 0.5 } } }, /intervalMs/],
    [
      "a list by TLS, without the name in its certificates",
      { target: "ipv4:127.0.0.1:1,127.0.0.1:2", tls: {} },
      /tls\.serverName/,
    ],
    [
      "a service config that is no JSON",
      { channelOptions: { "grpc.service_config": "{" } },
      /no JSON/,
    ],
    [
      "a policy that is not known",
      serviceConfig({ loadBalancingConfig: [{ roundrobin: {} }] }),
      /no balancing policy of this name[^]*roundrobin/,
    ],
    [
      "a policy without a name",
      serviceConfig({ loadBalancingConfig: [{}] }),
      /its name as the only key/,
    ],
    [
      "a duration in the wrong form",
      serviceConfig({
        loadBalancingConfig: [{ outlier_detection: { interval: "1s", child_policy: roundRobin } }],
      }),
      /outlier_detection\.interval/,
    ],
    [
      "an unknown policy inside of another",
      serviceConfig({
        loadBalancingConfig: [{ outlier_detection: { child_policy: [{ random: {} }] } }],
      }),
      /outlier_detection\.child_policy\[0\]\.random/,
    ],
  ] as const)("%s", (_, settings, message) => {
    expect(open(settings)).toThrow(TypeError);
    expect(open(settings)).toThrow(message);
  });
});

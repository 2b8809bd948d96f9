/** Do the tools by which other tests make faults do what they say, and nothing else? */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { buffer } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type DnsStub, startDns } from "./support/dns-stub.ts";
import { type FaultyProxy, startProxy } from "./support/faulty-proxy.ts";

describe("a faulty proxy", () => {
  let server: Server;
  /** What the server does with a connection; an echo at first. */
  let serve: (socket: Socket) => void;
  /** The server's side of the connections. */
  let served: Socket[];
  let clients: Socket[];
  let serverTarget: string;
  let proxy: FaultyProxy;

  beforeEach(async () => {
    serve = (socket) => void socket.pipe(socket);
    served = [];
    clients = [];
    server = createServer({ allowHalfOpen: true }, (socket) => {
      served.push(socket.on("error", () => socket.destroy()));
      serve(socket);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("it listens on no port");
    serverTarget = `127.0.0.1:${address.port}`;
    proxy = await startProxy(serverTarget);
  });

  afterEach(async () => {
    for (const socket of [...clients, ...served]) socket.destroy();
    server.close();
    await proxy[Symbol.asyncDispose]();
  });

  /** Connects, to the proxy by default. */
  async function open(target: string = proxy.target): Promise<Socket> {
    const client = connect({
      host: "127.0.0.1",
      port: Number(target.split(":")[1]),
      allowHalfOpen: true,
    });
    clients.push(client);
    await once(client, "connect");
    return client;
  }

  /** Sends a text, and resolves with the first that comes back. */
  async function roundTrip(client: Socket, text: string): Promise<string> {
    const answered = once(client.resume(), "data");
    client.write(text);
    const answer = String(await answered);
    // What comes later waits for whoever reads on.
    client.pause();
    return answer;
  }

  /** Lets all that is under way on this machine arrive: what is not there after it has been held up. */
  async function settle(): Promise<void> {
    const direct = await open(serverTarget);
    for (let count = 0; count < 100; count++) await roundTrip(direct, "?");
    direct.destroy();
  }

  /** How a connection fails; rejects where it ends well. */
  async function failure(client: Socket): Promise<unknown> {
    client.resume();
    try {
      await once(client, "end");
    } catch (error) {
      return error;
    }
    throw new Error("it has ended");
  }

  async function allClosed(): Promise<void> {
    while (proxy.connections.open > 0) await setImmediate();
  }

  test("passes all bytes and both ends, and counts", async () => {
    const client = await open();
    expect(await roundTrip(client, "hello")).toBe("hello");
    expect(proxy.connections).toEqual({ open: 1, accepted: 1 });
    const sent = randomBytes(4 * 1024 * 1024);
    client.end(sent);
    expect((await buffer(client)).equals(sent)).toBe(true);
    await allClosed();
    expect(proxy.connections).toEqual({ open: 0, accepted: 1 });
  });

  test("reads no more than the server does", async () => {
    serve = (socket) => void socket.pause();
    const reached = once(server, "connection");
    const client = await open();
    const sent = Buffer.alloc(64 * 1024 * 1024);
    client.end(sent);
    await reached;
    const [slow] = served;
    serve = (socket) => void socket.pipe(socket);
    await settle();
    expect(client.writableLength).toBeGreaterThan(0);
    if (slow === undefined) throw new Error("the server was not reached");
    expect((await buffer(slow)).length).toBe(sent.length);
  });

  test("delays each chunk from when it came, without changing their order", async () => {
    const client = await open();
    await roundTrip(client, "first");
    proxy.mode = { kind: "delay", ms: 100 };
    const startedAt = performance.now();
    // If each had to wait for the one before, they would take longer than a test may.
    const texts = Array.from({ length: 500 }, (_, index) => `${index},`);
    for (const text of texts) {
      client.write(text);
      await setImmediate();
    }
    client.end();
    expect((await buffer(client)).toString()).toBe(texts.join(""));
    // Once on the way there, and once on the way back.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(200);
  });

  test("what is delayed goes on at once in another mode", async () => {
    const client = await open();
    proxy.mode = { kind: "delay", ms: 3_600_000 };
    client.end("late");
    await settle();
    proxy.mode = { kind: "pass" };
    expect((await buffer(client)).toString()).toBe("late");
  });

  test("trickles", async () => {
    const client = await open();
    proxy.mode = { kind: "trickle", bytesPerSecond: 5000 };
    const sent = randomBytes(1000);
    const startedAt = performance.now();
    client.end(sent);
    expect((await buffer(client)).equals(sent)).toBe(true);
    // The last piece is on its way as soon as those before it have had their time.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(150);
  });

  test("a black hole swallows, and accepts connections that reach nobody", async () => {
    const [idle, busy] = [await open(), await open()];
    for (const client of [idle, busy]) await roundTrip(client, "hello");
    proxy.mode = { kind: "blackhole" };
    busy.write("lost");
    const [silent, talking] = [await open(), await open()];
    talking.write("lost");
    await settle();
    expect(proxy.connections).toEqual({ open: 4, accepted: 4 });
    expect(served.map((socket) => socket.bytesRead)).toEqual([5, 5, 100]);

    const failures = [failure(busy), failure(talking)];
    proxy.mode = { kind: "pass" };
    expect(await Promise.all(failures)).toMatchObject([
      { code: "ECONNRESET" },
      { code: "ECONNRESET" },
    ]);
    expect(await roundTrip(idle, "again")).toBe("again");
    expect(await roundTrip(silent, "at last")).toBe("at last");
  });

  test("a black hole swallows what the server sends, and holds back its end", async () => {
    const client = await open();
    await roundTrip(client, "hello");
    proxy.mode = { kind: "blackhole" };
    served[0]?.end();
    await settle();
    expect(client.readableEnded).toBe(false);
    const ended = once(client.resume(), "end");
    proxy.mode = { kind: "pass" };
    await ended;

    const other = await open();
    await roundTrip(other, "hello");
    proxy.mode = { kind: "blackhole" };
    served.at(-1)?.write("lost");
    await settle();
    const failed = failure(other);
    proxy.mode = { kind: "pass" };
    expect(await failed).toMatchObject({ code: "ECONNRESET" });
    expect(other.bytesRead).toBe("hello".length);
  });

  test("resets connections that are open, and new ones", async () => {
    const client = await open();
    await roundTrip(client, "hello");
    const failed = failure(client);
    proxy.mode = { kind: "reset" };
    expect(await failed).toMatchObject({ code: "ECONNRESET" });
    // It may be reset before it knows that it was accepted.
    await expect(open().then(failure, (error: unknown) => error)).resolves.toMatchObject({
      code: "ECONNRESET",
    });
    await allClosed();
    expect(proxy.connections).toEqual({ open: 0, accepted: 2 });
    proxy.mode = { kind: "pass" };
    expect(await roundTrip(await open(), "hello")).toBe("hello");
  });

  test("resets the client where the server resets or is not there", async () => {
    const client = await open();
    await roundTrip(client, "hello");
    const failed = failure(client);
    served[0]?.resetAndDestroy();
    expect(await failed).toMatchObject({ code: "ECONNRESET" });
    server.close();
    await expect(open().then(failure, (error: unknown) => error)).resolves.toMatchObject({
      code: "ECONNRESET",
    });
    await allClosed();
  });

  test("resets the server where the client resets", async () => {
    const client = await open();
    await roundTrip(client, "hello");
    const [socket] = served;
    if (socket === undefined) throw new Error("the server was not reached");
    const failed = once(socket, "error");
    client.resetAndDestroy();
    expect(await failed).toMatchObject([{ code: "ECONNRESET" }]);
  });
});

describe("a DNS stub", () => {
  let dns: DnsStub;
  let resolver: Resolver;

  beforeEach(async () => {
    dns = await startDns({
      "two.test": ["127.0.0.1", "10.1.2.255"],
      "six.test": ["::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4"],
      "none.test": [],
    });
    resolver = new Resolver({ timeout: 200, tries: 1 });
    resolver.setServers([dns.target]);
  });

  afterEach(async () => {
    await dns[Symbol.asyncDispose]();
  });

  test("answers with addresses of both types, in order, that may be forgotten at once", async () => {
    expect(await resolver.resolve4("two.test", { ttl: true })).toEqual([
      { address: "127.0.0.1", ttl: 0 },
      { address: "10.1.2.255", ttl: 0 },
    ]);
    expect(await resolver.resolve6("six.test")).toEqual([
      "::1",
      "2001:db8::ff00:42:8329",
      "::ffff:1.2.3.4",
    ]);
    expect(await resolver.resolve4("TWO.test.")).toHaveLength(2);
  });

  test("tells a name without such addresses from one that does not exist", async () => {
    await expect(resolver.resolve6("two.test")).rejects.toMatchObject({ code: "ENODATA" });
    await expect(resolver.resolve4("none.test")).rejects.toMatchObject({ code: "ENODATA" });
    await expect(resolver.resolveMx("two.test")).rejects.toMatchObject({ code: "ENODATA" });
    await expect(resolver.resolve4("unknown.test")).rejects.toMatchObject({ code: "ENOTFOUND" });
  });

  test("can be changed, and counts", async () => {
    dns.set("New.test", ["127.0.0.2"]);
    expect(await resolver.resolve4("new.test")).toEqual(["127.0.0.2"]);
    dns.set("new.test", ["127.0.0.3"]);
    expect(await resolver.resolve4("new.test")).toEqual(["127.0.0.3"]);
    dns.delete("new.test");
    await expect(resolver.resolve4("new.test")).rejects.toMatchObject({ code: "ENOTFOUND" });
    expect(dns.queries("new.test")).toBe(3);
    expect(dns.queries("two.test")).toBe(0);
    expect(() => dns.set("new.test", ["localhost"])).toThrow("localhost is no IP address");
  });

  test("can be silent", async () => {
    dns.silent = true;
    await expect(resolver.resolve4("two.test")).rejects.toMatchObject({ code: "ETIMEOUT" });
    dns.silent = false;
    expect(await resolver.resolve4("two.test")).toHaveLength(2);
    expect(dns.queries("two.test")).toBe(2);
  });

  test("takes no notice of what is no query", async () => {
    const query = Buffer.from("0001010000010000000000000374776f047465737400001c0001", "hex");
    const header = query.subarray(0, 12);
    const wrong = [
      // What ends too soon: nothing, in the header, at the name, in a label, in the type, in the class.
      ...[0, 11, 12, 14, 22, 24].map((length) => query.subarray(0, length)),
      // A pointer to itself, and a name without an end.
      Buffer.concat([header, Buffer.from("c00c00010001", "hex")]),
      Buffer.concat([header, Buffer.alloc(1000, "\u0001a")]),
      // An answer.
      Buffer.concat([query.subarray(0, 2), Buffer.from([0x81]), query.subarray(3)]),
    ];
    const socket = createSocket("udp4");
    const received: string[] = [];
    socket.on("message", (message) => received.push(message.toString("hex")));
    socket.connect(Number(dns.target.split(":")[1]), "127.0.0.1");
    await once(socket, "connect");
    for (const message of wrong) socket.send(message);
    const answered = once(socket, "message");
    socket.send(query);
    await answered;
    // No AAAA of a name that has others.
    expect(received).toEqual([`00018580${query.subarray(4).toString("hex")}`]);
    expect(dns.queries("two.test")).toBe(1);
    socket.close();
  });
});

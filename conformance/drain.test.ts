/** What becomes of the calls in progress, and of what was acknowledged, when a service stops or dies? */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { GetProductRequest, ProductServiceDefinition } from "@org/contracts/product/v1";
import { CreateUserRequest, User, UserServiceDefinition } from "@org/contracts/user/v1";
import { Code, createClient, RpcError } from "@org/kit/client";
import { report } from "./support/figures.ts";
import { openChannel } from "./support/open-channel.ts";
import { idsIn, importRows, leftOpen, productRows, rowId } from "./support/product-rows.ts";
import { connectRaw, frame } from "./support/raw-grpc.ts";
import { type ServiceProcess, startService } from "./support/service-process.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const createUser = "/org.user.v1.UserService/CreateUser";
const bulkCreateUsers = "/org.user.v1.UserService/BulkCreateUsers";

/** The grace that a service has by default, in milliseconds. */
const graceMs = 10_000;
/** Several starts and the grace, on a machine that runs other tests as well. */
const slow = 120_000;

const shuttingDown = { code: Code.UNAVAILABLE, text: "the server is shutting down" };
const wellEnded = { code: 0, signal: null };

test.concurrent(
  "SIGTERM: product streams finish or end with UNAVAILABLE, and what was acknowledged stays",
  async () => {
    await using folder = await temporaryFolder();
    await using service = await startService({ name: "product-service", dataDir: folder.path });
    using channel = openChannel(service.target);
    const products = createClient(ProductServiceDefinition, channel);
    const count = 2_000;
    expect(await importRows(products, productRows("Big", count, 1000))).toBe(count);

    // In progress when the signal comes: a stream of 2 MB of which one message was read, and an
    // import whose client would never end it.
    const big = products.listProductsByCategory({ category: "Big" });
    const ids = [(await big.next()).value?.id];
    const acknowledged: bigint[] = [];
    const begun = Promise.withResolvers<void>();
    const importing = failureOf(async () => {
      for await (const { sequence } of products.importProducts(
        leftOpen(productRows("New", 1_000)),
      )) {
        acknowledged.push(sequence);
        begun.resolve();
      }
    });
    await begun.promise;

    const start = performance.now();
    service.kill("SIGTERM");
    await service.logged("shutting down");
    await connectionsAreRefused(service);

    for await (const { id } of big) ids.push(id);
    expect(ids).toEqual(Array.from({ length: count }, (_, index) => rowId("Big", index)));
    expect(await importing).toMatchObject(shuttingDown);
    expect(await service.ended).toEqual(wellEnded);
    expect(performance.now() - start).toBeLessThan(graceMs);
    // It went on after the signal.
    expect(acknowledged).toHaveLength(1_000);

    await using restarted = await startService({ name: "product-service", dataDir: folder.path });
    using channelAfter = openChannel(restarted.target);
    const productsAfter = createClient(ProductServiceDefinition, channelAfter);
    const found = await idsIn(productsAfter, "New");
    expect(found).toEqual(acknowledged.map((sequence) => rowId("New", Number(sequence))));
  },
  slow,
);

test.concurrent(
  "SIGTERM: unary calls in flight are answered, and half a BulkCreateUsers creates nobody",
  async () => {
    await using folder = await temporaryFolder();
    await using service = await startService({ name: "user-service", dataDir: folder.path });
    await using raw = await connectRaw(service.target);
    // The server has read all of this when the signal comes: half of a stream, complete calls, and
    // a call of which the last byte is missing.
    const bulk = raw.open({
      path: bulkCreateUsers,
      body: Buffer.concat(Array.from({ length: 1_000 }, (_, index) => newUser(`Bulk ${index}`))),
    });
    const complete = Array.from({ length: 200 }, (_, index) =>
      raw.call({ path: createUser, body: newUser(`Complete ${index}`) }),
    );
    const body = newUser("Late");
    const late = raw.open({ path: createUser, body: body.subarray(0, -1) });
    await raw.ping();

    const start = performance.now();
    service.kill("SIGTERM");
    await service.logged("shutting down");
    await connectionsAreRefused(service);
    late.stream.end(body.subarray(-1));

    const answers = await Promise.all([...complete, late.answer]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => Code.OK));
    expect(await bulk.answer).toMatchObject({
      status: shuttingDown.code,
      text: shuttingDown.text,
      messages: [],
    });
    expect(await service.ended).toEqual(wellEnded);
    expect(performance.now() - start).toBeLessThan(graceMs);

    await using restarted = await startService({ name: "user-service", dataDir: folder.path });
    using channel = openChannel(restarted.target);
    const users = createClient(UserServiceDefinition, channel);
    const found: string[] = [];
    for await (const { id } of users.listUsers({ pageSize: 1_000 })) found.push(id);
    const created = answers.flatMap(({ messages }) =>
      messages.map((bytes) => User.decode(bytes).id),
    );
    expect(found).toEqual(created.toSorted());
  },
  slow,
);

test.concurrent(
  "kill -9 in the middle of an import: each row that was acknowledged is there after a restart",
  async () => {
    await using folder = await temporaryFolder();
    await using service = await startService({ name: "product-service", dataDir: folder.path });
    using channel = openChannel(service.target);
    const products = createClient(ProductServiceDefinition, channel);
    const acknowledged: bigint[] = [];
    const importing = failureOf(async () => {
      for await (const { sequence } of products.importProducts(productRows("New", 1_000_000))) {
        acknowledged.push(sequence);
        if (acknowledged.length === 1_000) service.kill("SIGKILL");
      }
    });
    expect(await service.ended).toEqual({ code: null, signal: "SIGKILL" });
    expect(await importing).toMatchObject({ code: Code.UNAVAILABLE });
    expect(acknowledged.length).toBeGreaterThanOrEqual(1_000);

    await using restarted = await startService({ name: "product-service", dataDir: folder.path });
    using channelAfter = openChannel(restarted.target);
    const productsAfter = createClient(ProductServiceDefinition, channelAfter);
    const found = new Set(await idsIn(productsAfter, "New"));
    const ids = acknowledged.map((sequence) => rowId("New", Number(sequence)));
    expect(ids.filter((id) => !found.has(id))).toEqual([]);
  },
  slow,
);

test.concurrent(
  "SIGTERM: an idle connection does not hold a service up",
  async () => {
    await using service = await startService({ name: "user-service", dataDir: "memory://" });
    await using idle = await connectRaw(service.target);
    const answer = await idle.call({ path: createUser, body: newUser("Ada") });
    expect(answer.status).toBe(Code.OK);

    const start = performance.now();
    service.kill("SIGTERM");
    expect(await service.ended).toEqual(wellEnded);
    expect(performance.now() - start).toBeLessThan(graceMs / 2);
  },
  slow,
);

// grpc-js's forceShutdown leaves a socket to its peer to close, which may be never.
test.concurrent(
  "SIGTERM: a client that reads no more, and one that never sent a byte, hold no service up",
  async () => {
    await using users = await startService({ name: "user-service", dataDir: "memory://" });
    const silent = connect(portOf(users), "127.0.0.1");
    await once(silent, "connect");
    await using products = await startService({ name: "product-service", dataDir: "memory://" });
    using channel = openChannel(products.target);
    const client = createClient(ProductServiceDefinition, channel);
    await importRows(client, productRows("Big", 2_000, 5_000));
    await client.listProductsByCategory({ category: "Big" }).next();

    users.kill("SIGTERM");
    products.kill("SIGTERM");
    const tooLong = delay(graceMs + 2_000, "still running", { ref: false });
    const endings = [users, products].map(({ ended }) => Promise.race([ended, tooLong]));
    expect(await Promise.all(endings)).toEqual([wellEnded, wellEnded]);
  },
  slow,
);

test.concurrent(
  "SIGTERM in every state at once: the unary call is answered, the stream ends with UNAVAILABLE, all else is cut off",
  async () => {
    await using service = await startService({ name: "product-service", dataDir: "memory://" });
    using channel = openChannel(service.target);
    const products = createClient(ProductServiceDefinition, channel);
    await importRows(products, productRows("One", 1));
    const silent = connect(portOf(service), "127.0.0.1");
    await once(silent, "connect");
    await using raw = await connectRaw(service.target);
    const path = "/org.product.v1.ProductService/GetProduct";
    const body = frame(GetProductRequest.encode({ productId: rowId("One", 0) }).finish());
    // Of the one the last byte comes after the signal, of the other it never does.
    // By the contract, they would end before the shutdown.
    const headers = { "grpc-timeout": "30S" };
    const unary = raw.open({ path, headers, body: body.subarray(0, -1) });
    const half = raw.open({ path, headers, body: body.subarray(0, -1) });
    const begun = Promise.withResolvers<void>();
    const endless = failureOf(async () => {
      for await (const _ of products.importProducts(leftOpen(productRows("New", 1)))) {
        begun.resolve();
      }
    });
    await begun.promise;
    await raw.ping();

    const start = performance.now();
    service.kill("SIGTERM");
    await service.logged("shutting down");
    await connectionsAreRefused(service);
    unary.stream.end(body.subarray(-1));
    expect(await unary.answer).toMatchObject({ status: Code.OK });
    const error = await endless;
    expect(error).toMatchObject({ ...shuttingDown, retryAfterMs: 0 });
    expect(await service.ended).toEqual(wellEnded);
    const tookMs = performance.now() - start;
    await expect(half.answer).rejects.toThrow("without an answer");
    report({
      what: "SIGTERM with a unary call, an endless stream, a silent socket and half a request in flight",
      must: `exit 0 within the grace of ${graceMs} ms, the unary call OK, the stream UNAVAILABLE`,
      measured: `exit 0 after ${tookMs.toFixed(0)} ms, OK, ${Code[error.code]}`,
    });
    expect(tookMs).toBeLessThan(graceMs + 1_000);
    silent.destroy();
  },
  slow,
);

function newUser(name: string): Buffer {
  const user = { name, email: "user@example.com", age: 0, requestId: "" };
  return frame(CreateUserRequest.encode(user).finish());
}

function portOf({ target }: ServiceProcess): number {
  return Number(target.split(":")[1]);
}

/** Resolves once the service takes no new connections. */
async function connectionsAreRefused(service: ServiceProcess): Promise<void> {
  for (;;) {
    const socket = connect(portOf(service), "127.0.0.1");
    const outcome = await once(socket, "connect").then(
      () => "accepted",
      () => "refused",
    );
    socket.destroy();
    if (outcome === "refused") return;
  }
}

/** The status that the work fails with. It fails the test where there is none. */
async function failureOf(work: () => Promise<void>): Promise<RpcError> {
  const error: unknown = await work().then(
    () => new Error("expected a failure"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof RpcError) return error;
  throw error;
}

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { Code, createChannel, createClient } from "@org/kit/client";
import { type PostgresServer, type Session, startMain, startPostgres } from "@org/database/testing";
import { gather, outcomesOf, product, upsert } from "./contract/messages.ts";
import { startService, type TestService } from "./start-service.ts";

let server: PostgresServer;
let url: string;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  url = await server.createDatabase();
});

function start(): Promise<TestService> {
  const database = { DATABASE_URL: url, DATA_DIR: "unused", EMBEDDED_DATABASE: false };
  // Each call asks the database.
  return startService(database, { PRODUCT_CACHE_MS: "0" });
}

const waiting =
  "select from pg_stat_activity where application_name = 'product-service' and wait_event_type = 'Lock'";

/** Makes everybody who asks for products wait, until the session ends. */
async function lockProducts(): Promise<Session> {
  const session = await server.connect(url);
  await session.query("begin");
  await session.query("lock table products in access exclusive mode");
  return session;
}

const category = "Large";
const pages = 100;

/** Fills a category with 100 pages of the size that the service reads at a time, more than any buffer holds. */
async function fillCategory(): Promise<void> {
  await using session = await server.connect(url);
  await session.query(
    `insert into products
     select 'large' || n, 'Large', repeat('d', 1000), $1, 'EUR', 1, 0
       from generate_series(1, $2::integer * 100) as n`,
    [category, pages],
  );
}

function pagesRead(): Promise<number> {
  return server.statements("from products where category = $1 and id > $2");
}

describe("a listing that nobody waits for any more reads no more pages", () => {
  test("while one that is read to its end reads all", async () => {
    await using service = await start();
    await fillCategory();
    const before = await pagesRead();
    const listed = await gather(service.products.listProductsByCategory({ category }));
    expect(listed).toHaveLength(pages * 100);
    expect(await pagesRead()).toBe(before + pages + 1);
  });

  test("when it was cancelled", async () => {
    const { products, ...service } = await start();
    await fillCategory();
    const before = await pagesRead();
    const controller = new AbortController();
    const stream = products.listProductsByCategory({ category }, { signal: controller.signal });
    expect((await stream.next()).value).toMatchObject({ category });
    controller.abort();
    await expect(gather(stream)).rejects.toMatchObject({ code: Code.CANCELLED });
    // Waits for the handler.
    await service[Symbol.asyncDispose]();
    expect(await pagesRead()).toBeLessThan(before + pages / 2);
  });

  test("when its reader left", async () => {
    const { products, ...service } = await start();
    await fillCategory();
    const before = await pagesRead();
    for await (const each of products.listProductsByCategory({ category })) {
      expect(each).toMatchObject({ category });
      break;
    }
    await service[Symbol.asyncDispose]();
    expect(await pagesRead()).toBeLessThan(before + pages / 2);
  });

  test("when its deadline passed", async () => {
    const { products, ...service } = await start();
    await fillCategory();
    const before = await pagesRead();
    const over = Promise.withResolvers<void>();
    const stream = products.listProductsByCategory(
      { category },
      { timeoutMs: 1_000, onTrailer: () => over.resolve() },
    );
    expect((await stream.next()).value).toMatchObject({ category });
    await over.promise;
    await expect(gather(stream)).rejects.toMatchObject({ code: Code.DEADLINE_EXCEEDED });
    await service[Symbol.asyncDispose]();
    expect(await pagesRead()).toBeLessThan(before + pages / 2);
  });

  test("also not the one that it is waiting for", async () => {
    await using service = await start();
    await fillCategory();
    await using session = await lockProducts();
    const controller = new AbortController();
    const stream = service.products.listProductsByCategory(
      { category },
      { signal: controller.signal },
    );
    const first = stream.next();
    await server.untilRows(1, waiting);
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: Code.CANCELLED });
    // The table is still locked: only the server's giving up ends the wait.
    await server.untilRows(0, waiting);
    await session.query("rollback");
    expect(await service.products.getProduct({ productId: "large1" })).toMatchObject({ category });
  });
});

describe("who has gone does not keep the database busy", () => {
  test("a product whose deadline passed", async () => {
    await using service = await start();
    const { products } = service;
    const known = { productId: "p001" };
    await products.getProduct(known);
    await using session = await lockProducts();
    const calls = Array.from({ length: 30 }, () => products.getProduct(known, { timeoutMs: 300 }));
    const exceeded = { status: "rejected", reason: { code: Code.DEADLINE_EXCEEDED } };
    expect(await Promise.allSettled(calls)).toMatchObject(calls.map(() => exceeded));
    // The table is still locked: only the server's giving up ends the wait.
    await server.untilRows(0, waiting);
    await session.query("rollback");
    expect(await products.getProduct(known)).toMatchObject({ id: "p001" });
  });

  test("a product that was cancelled", async () => {
    await using service = await start();
    await using session = await lockProducts();
    const controller = new AbortController();
    const { signal } = controller;
    const call = service.products.getProduct({ productId: "p001" }, { signal });
    await server.untilRows(1, waiting);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: Code.CANCELLED });
    await server.untilRows(0, waiting);
    await session.query("rollback");
  });

  test("an import that was cancelled, of which only what was answered is certain", async () => {
    await using service = await start();
    const { products } = service;
    const first = product();
    const second = product();
    const controller = new AbortController();
    const locked = Promise.withResolvers<void>();
    async function* requests() {
      yield upsert(first, 0n);
      await locked.promise;
      yield upsert(second, 1n);
    }
    const answers = products.importProducts(requests(), { signal: controller.signal });
    expect((await answers.next()).value).toMatchObject({ sequence: 0n });
    await using session = await lockProducts();
    locked.resolve();
    await server.untilRows(1, waiting);
    controller.abort();
    await expect(answers.next()).rejects.toMatchObject({ code: Code.CANCELLED });
    await server.untilRows(0, waiting);
    await session.query("rollback");
    expect(await products.getProduct({ productId: first.id })).toEqual(first);
    await expect(products.getProduct({ productId: second.id })).rejects.toMatchObject({
      code: Code.NOT_FOUND,
    });
  });

  test("a product whose service was killed", async () => {
    await using main = startMain({
      main: new URL("../src/main.ts", import.meta.url),
      environment: { GRPC_PORT: "0", DATABASE_URL: url },
    });
    const services = [ProductServiceDefinition];
    const channel = createChannel({ target: `127.0.0.1:${await main.port}`, services });
    const products = createClient(ProductServiceDefinition, { channel });
    await using session = await lockProducts();
    const timeoutMs = 3_000;
    const before = performance.now();
    const call = Promise.allSettled([products.getProduct({ productId: "p001" }, { timeoutMs })]);
    await server.untilRows(1, waiting);
    main.kill("SIGKILL");
    await main.exit;
    // PostgreSQL does not look who is there while it waits for a lock: it ends the statement by its time.
    await server.untilRows(0, waiting);
    const took = performance.now() - before;
    expect(took).toBeGreaterThan(timeoutMs - 50);
    expect(took).toBeLessThan(2 * timeoutMs);
    expect(await call).toMatchObject([{ status: "rejected" }]);
    channel.close();
    await session.query("rollback");
  });
});

describe("while the database is away", () => {
  const unavailable = { code: Code.UNAVAILABLE, text: "the catalogue cannot be reached" };

  test("calls fail with UNAVAILABLE, and work again once it is back", async () => {
    await using service = await start();
    const { products } = service;
    const known = { productId: "p001" };
    expect(await products.getProduct(known)).toMatchObject({ id: "p001" });
    const before = product();
    await gather(products.importProducts([upsert(before)]));

    await server.stop();
    for (let i = 0; i < 30; i += 1) {
      await expect(products.getProduct(known)).rejects.toMatchObject(unavailable);
    }
    await expect(
      gather(products.listProductsByCategory({ category: "Books" })),
    ).rejects.toMatchObject(unavailable);
    await expect(gather(products.importProducts([upsert(product())]))).rejects.toMatchObject(
      unavailable,
    );
    await expect(products.getProduct({})).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });

    await server.start();
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => products.getProduct({ productId: before.id })),
    );
    expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([before.id]));
    expect(outcomesOf(await gather(products.importProducts([upsert(before)])))).toEqual([
      "unchanged",
    ]);
  });

  test("a listing in progress fails with UNAVAILABLE", async () => {
    await using service = await start();
    await fillCategory();
    const stream = service.products.listProductsByCategory({ category });
    expect((await stream.next()).value).toMatchObject({ category });
    await server.stop();
    await expect(gather(stream)).rejects.toMatchObject(unavailable);
    await server.start();
  });

  test("an import in progress fails with UNAVAILABLE, and has kept what it answered", async () => {
    await using service = await start();
    const { products } = service;
    const rows = Array.from({ length: 10 }, () => product());
    const answered: string[] = [];
    async function* requests() {
      for (const [i, row] of rows.entries()) {
        if (i === 5) await server.stop();
        yield upsert(row, BigInt(i));
        await answers.get(i)?.promise;
      }
    }
    const answers = new Map(rows.map((_, i) => [i, Promise.withResolvers<void>()]));
    const importing = (async () => {
      for await (const { sequence } of products.importProducts(requests())) {
        answered.push(rows[Number(sequence)]?.id ?? "");
        answers.get(Number(sequence))?.resolve();
      }
    })();
    await expect(importing).rejects.toMatchObject(unavailable);
    await server.start();
    expect(answered).toEqual(rows.slice(0, 5).map(({ id }) => id));
    for (const productId of answered) {
      expect(await products.getProduct({ productId })).toMatchObject({ id: productId });
    }
    for (const { id } of rows.slice(5)) {
      await expect(products.getProduct({ productId: id })).rejects.toMatchObject({
        code: Code.NOT_FOUND,
      });
    }
  });
});

test("replicas on one database answer alike", async () => {
  const replicas = await Promise.all([start(), start(), start()]);
  const row = product();
  const outcomes = await Promise.all(
    replicas.map(({ products }) => gather(products.importProducts([upsert(row)]))),
  );
  const found = outcomes.flatMap(outcomesOf);
  expect(found.filter((outcome) => outcome === "created")).toHaveLength(1);
  expect(found.filter((outcome) => outcome === "unchanged")).toHaveLength(2);
  for (const { products } of replicas) {
    expect(await products.getProduct({ productId: row.id })).toEqual(row);
  }
  await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
});

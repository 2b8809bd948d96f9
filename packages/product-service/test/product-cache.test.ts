import { expect, test } from "@jest/globals";
import { Product as WireProduct } from "@org/contracts/product/v1";
import { startDatabase } from "@org/database/testing";
import type { Encoded } from "@org/kit";
import { Catalog } from "../src/domain/catalog.ts";
import type { Product } from "../src/domain/product.ts";
import type { ProductStore } from "../src/domain/product-store.ts";
import { ProductCache } from "../src/handlers/product-cache.ts";
import { startService, type TestService } from "./start-service.ts";

const hour = 3_600_000;

function productOf(id: string, name: string): Product {
  const price = { currencyCode: "USD", units: 5n, nanos: 0 };
  return { id, name, description: "", category: "Books", price };
}

/** A store that answers when the test lets it. */
class SlowStore implements ProductStore {
  readonly asked: { readonly id: string; answer(product: Product | undefined): void }[] = [];

  find(id: string): Promise<Product | undefined> {
    const { promise, resolve } = Promise.withResolvers<Product | undefined>();
    this.asked.push({ id, answer: resolve });
    return promise;
  }

  pageOfCategory(): Promise<Product[]> {
    return Promise.resolve([]);
  }

  apply(): Promise<[]> {
    return Promise.resolve([]);
  }
}

function nameIn(answer: Encoded<WireProduct>): string {
  // Behind the prefix.
  return WireProduct.decode(answer.frame.subarray(5)).name;
}

test("calls that ask for a product at the same time, and later ones, ask the store once", async () => {
  const store = new SlowStore();
  const cache = new ProductCache(new Catalog(store), hour);
  const answers = [cache.get("p1"), cache.get("p1")];
  store.asked[0]?.answer(productOf("p1", "one"));
  for (const answer of answers) expect(nameIn(await answer)).toBe("one");
  expect(nameIn(await cache.get("p1"))).toBe("one");
  expect(store.asked.length).toBe(1);
});

test("what was being looked up when it was changed is not kept, and not given to later calls", async () => {
  const store = new SlowStore();
  const cache = new ProductCache(new Catalog(store), hour);
  const early = cache.get("p1");
  cache.forget(["p1"]);
  const late = cache.get("p1");
  expect(store.asked.length).toBe(2);
  store.asked[1]?.answer(productOf("p1", "new"));
  expect(nameIn(await late)).toBe("new");
  store.asked[0]?.answer(productOf("p1", "old"));
  expect(nameIn(await early)).toBe("old");
  expect(nameIn(await cache.get("p1"))).toBe("new");
});

test("that there is no such product is asked each time", async () => {
  const store = new SlowStore();
  const cache = new ProductCache(new Catalog(store), hour);
  for (const index of [0, 1]) {
    const answer = cache.get("p1");
    store.asked[index]?.answer(undefined);
    await expect(answer).rejects.toMatchObject({ reason: "PRODUCT_NOT_FOUND" });
  }
});

async function rename({ products }: TestService, id: string, name: string): Promise<void> {
  const upsert = { id, name, category: "Books", unitPrice: { currencyCode: "USD", units: 5n } };
  const requests = [{ sequence: 1n, operation: { $case: "upsert", value: upsert } }] as const;
  for await (const { violations } of products.importProducts(requests)) {
    expect(violations).toEqual([]);
  }
}

test("a change is seen at once by the replica that made it, and by others that keep nothing", async () => {
  await using database = await startDatabase("server");
  await using writer = await startService(database.config);
  await using reader = await startService(database.config, { PRODUCT_CACHE_MS: "0" });
  for (const name of ["one", "two", "three"]) {
    await rename(writer, "p1", name);
    for (const { products } of [writer, reader]) {
      expect((await products.getProduct({ productId: "p1" })).name).toBe(name);
    }
  }
});

test("a replica that keeps answers sees another's change when their time is over", async () => {
  await using database = await startDatabase("server");
  await using writer = await startService(database.config);
  await using reader = await startService(database.config, { PRODUCT_CACHE_MS: "50" });
  await rename(writer, "p1", "one");
  const { products } = reader;
  expect((await products.getProduct({ productId: "p1" })).name).toBe("one");
  await rename(writer, "p1", "two");
  const changedAt = performance.now();
  let name: string;
  do ({ name } = await products.getProduct({ productId: "p1" }));
  while (name === "one" && performance.now() - changedAt < 10_000);
  expect(name).toBe("two");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Catalog, Checkout, type OrderLine } from "../src/domain/checkout.ts";
import type { Money } from "../src/domain/money.ts";
import { OrderError, type OrderErrorReason } from "../src/domain/order-error.ts";

const prices: Readonly<Record<string, Money>> = {
  cent: { currencyCode: "EUR", units: 0n, nanos: 10_000_000 },
  almostTen: { currencyCode: "EUR", units: 9n, nanos: 999_999_999 },
  huge: { currencyCode: "EUR", units: 9_007_199_254_740_993n, nanos: 0 },
  dollar: { currencyCode: "USD", units: 1n, nanos: 0 },
};

const catalog: Catalog = {
  hasUser: (userId) => Promise.resolve(userId === "ada"),
  priceOf: (productId) => Promise.resolve(prices[productId]),
};

function place(userId: string, ...lines: OrderLine[]): Promise<Money> {
  return new Checkout(catalog).place({ userId, lines }).then(({ total }) => total);
}

test("a total is exact where numbers would not be", async () => {
  assert.deepEqual(
    await place(
      "ada",
      { productId: "cent", quantity: 7 },
      { productId: "almostTen", quantity: 3 },
      { productId: "huge", quantity: 1 },
    ),
    { currencyCode: "EUR", units: 9_007_199_254_741_023n, nanos: 69_999_997 },
  );
});

for (const { reason, userId, productIds } of [
  { reason: "USER_NOT_FOUND", userId: "nobody", productIds: ["cent"] },
  { reason: "PRODUCT_NOT_FOUND", userId: "ada", productIds: ["cent", "nothing"] },
  { reason: "CURRENCIES_DIFFER", userId: "ada", productIds: ["cent", "dollar"] },
] satisfies { reason: OrderErrorReason; userId: string; productIds: string[] }[]) {
  test(`an order is refused: ${reason}`, async () => {
    const lines = productIds.map((productId) => ({ productId, quantity: 1 }));
    await assert.rejects(
      place(userId, ...lines),
      (error) => error instanceof OrderError && error.reason === reason,
    );
  });
}

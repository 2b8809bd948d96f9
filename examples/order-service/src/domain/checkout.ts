import { randomUUID } from "node:crypto";
import { type Money, sumOf } from "./money.ts";
import { OrderError } from "./order-error.ts";

/** What a checkout has to know of users and products. */
export interface Catalog {
  /** Whether there is such a user. */
  hasUser(userId: string): Promise<boolean>;
  /** The price of one unit of a product; undefined where there is no such product. */
  priceOf(productId: string): Promise<Money | undefined>;
}

/** One product of an order. */
export interface OrderLine {
  readonly productId: string;
  readonly quantity: number;
}

/** An order to place. */
export interface NewOrder {
  readonly userId: string;
  readonly lines: readonly OrderLine[];
}

/** An order that was placed. */
export interface Order extends NewOrder {
  readonly id: string;
  readonly total: Money;
}

/** Places orders. An example: it keeps them nowhere. */
export class Checkout {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /**
   * Places an order at the current prices.
   *
   * Throws an {@link OrderError} where the user or a product does not exist, or where the prices have
   * several currencies.
   */
  async place(order: NewOrder): Promise<Order> {
    const { userId, lines } = order;
    const [userExists, ...terms] = await Promise.all([
      this.#catalog.hasUser(userId),
      ...lines.map(async ({ productId, quantity }) => ({
        productId,
        price: await this.#catalog.priceOf(productId),
        quantity,
      })),
    ]);
    if (!userExists) throw new OrderError("USER_NOT_FOUND", `there is no user ${userId}`);
    const priced = terms.map(({ productId, price, quantity }) => {
      if (price !== undefined) return { amount: price, times: quantity };
      throw new OrderError("PRODUCT_NOT_FOUND", `there is no product ${productId}`);
    });
    return { ...order, id: randomUUID(), total: sumOf(currencyOf(priced), priced) };
  }
}

function currencyOf(terms: readonly { readonly amount: Money }[]): string {
  const [currency = "", another] = new Set(terms.map(({ amount }) => amount.currencyCode));
  if (another === undefined) return currency;
  throw new OrderError("CURRENCIES_DIFFER", `the prices are in ${currency} and ${another}`);
}

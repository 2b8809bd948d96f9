import type { Money } from "./money.ts";

/** Something for sale. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly price: Money;
}

const idPattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether a text can be a product's id. */
export function isProductId(text: string): boolean {
  return idPattern.test(text);
}

import { Product } from "@org/contracts/product/v1";
import { formatAmount } from "../money.ts";
import type { Column, View } from "./table.ts";

const listed: readonly Column<Product>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name },
  { title: "CATEGORY", value: ({ category }) => category },
  { title: "PRICE", value: priceOf, align: "right" },
];

const description: Column<Product> = {
  title: "DESCRIPTION",
  value: (product) => product.description,
};

/** A product among others. */
export const productListView: View<Product> = {
  columns: listed,
  toJson: (product) => Product.toJSON(product),
};

/** A product by itself, with everything there is. */
export const productView: View<Product> = {
  columns: [...listed, description],
  toJson: productListView.toJson,
};

/** The exact price, with its currency. */
export function priceOf({ unitPrice, price }: Product): string {
  // A server that is older than `unit_price` does not send it.
  return unitPrice === undefined
    ? String(price)
    : `${formatAmount(unitPrice)} ${unitPrice.currencyCode}`;
}

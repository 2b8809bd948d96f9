import type { ImportProductsRequest, ProductServiceDefinition } from "@org/contracts/product/v1";
import type { Client, MessageInput } from "@org/kit/client";

/** A client of org.product.v1.ProductService. */
export type ProductClient = Client<typeof ProductServiceDefinition>;

/** A request of an import. */
export type ProductRow = MessageInput<ImportProductsRequest>;

/** The id of a row: the rows of a category have ids that sort like their numbers. */
export function rowId(category: string, index: number): string {
  return `${category}-${String(index).padStart(7, "0")}`;
}

/** Rows for an import into a category, numbered from 0, each of about as many bytes. */
export function* productRows(
  category: string,
  count: number,
  bytes = 100,
): Generator<ProductRow, void> {
  const description = "x".repeat(bytes);
  const unitPrice = { currencyCode: "EUR", units: 1n, nanos: 0 };
  for (let index = 0; index < count; index++) {
    const id = rowId(category, index);
    const value = { id, name: id, description, category, unitPrice };
    yield { sequence: BigInt(index), operation: { $case: "upsert", value } };
  }
}

/** The same rows, after which the stream stays open for as long as its server lets it. */
export async function* leftOpen(rows: Iterable<ProductRow>): AsyncGenerator<ProductRow, void> {
  yield* rows;
  await new Promise<never>(() => undefined);
}

/** Imports rows; resolves with how many were acknowledged. */
export async function importRows(
  client: ProductClient,
  rows: Iterable<ProductRow>,
): Promise<number> {
  const answers = client.importProducts(rows);
  for (let acknowledged = 0; ; acknowledged++) {
    if ((await answers.next()).done === true) return acknowledged;
  }
}

/** The ids of all products of a category, in the order in which they are streamed. */
export async function idsIn(client: ProductClient, category: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of client.listProductsByCategory({ category })) ids.push(id);
  return ids;
}

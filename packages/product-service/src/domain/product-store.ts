import type { Product } from "./product.ts";

/** One change to the catalogue. */
export type Change =
  | { readonly kind: "upsert"; readonly product: Product }
  | { readonly kind: "delete"; readonly id: string };

/** The id of the product that a change is about. */
export function idOf(change: Change): string {
  return change.kind === "upsert" ? change.product.id : change.id;
}

/** What a change did. */
export type Outcome = "created" | "updated" | "unchanged" | "deleted";

/** Where the catalogue is kept. */
export interface ProductStore {
  /** The product with that id. */
  find(id: string): Promise<Product | undefined>;
  /** The products of a category whose ids come after `afterId`, in the order of their ids. */
  pageOfCategory(
    category: string,
    afterId: string,
    limit: number,
    signal: AbortSignal,
  ): Promise<Product[]>;
  /** Makes changes to different products, durably; the outcomes are in the order of the changes. */
  apply(changes: readonly Change[]): Promise<Outcome[]>;
}

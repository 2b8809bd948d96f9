import { CatalogError } from "./catalog-error.ts";
import { isProductId, type Product } from "./product.ts";
import { type Change, idOf, type Outcome, type ProductStore } from "./product-store.ts";

/** How many products are read from the store at a time: each reader that stalls holds as many in memory. */
const pageSize = 100;

/** The products that the organisation sells: what can be asked of them, and done to them. */
export class Catalog {
  readonly #store: ProductStore;

  constructor(store: ProductStore) {
    this.#store = store;
  }

  /** The product with that id. Throws PRODUCT_NOT_FOUND. */
  async get(id: string): Promise<Product> {
    const product = isProductId(id) ? await this.#store.find(id) : undefined;
    if (product === undefined) {
      throw new CatalogError("PRODUCT_NOT_FOUND", `no product has the id ${JSON.stringify(id)}`);
    }
    return product;
  }

  /**
   * The products of a category, by id. Read page by page, so that a slow reader holds neither a
   * connection nor a snapshot of the database.
   */
  async *inCategory(category: string, signal: AbortSignal): AsyncGenerator<Product, void> {
    let afterId = "";
    for (;;) {
      const page = await this.#store.pageOfCategory(category, afterId, pageSize, signal);
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) return;
      afterId = last.id;
    }
  }

  /** Makes valid changes one after the other, as many at a time as touch different products. */
  async apply(changes: readonly Change[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let run: Change[] = [];
    let ids = new Set<string>();
    for (const change of changes) {
      const id = idOf(change);
      if (ids.has(id)) {
        outcomes.push(...(await this.#store.apply(run)));
        run = [];
        ids = new Set();
      }
      run.push(change);
      ids.add(id);
    }
    if (run.length > 0) outcomes.push(...(await this.#store.apply(run)));
    return outcomes;
  }
}

import { Product } from "@org/contracts/product/v1";
import { type Encoded, encoded } from "@org/kit";
import { LRUCache } from "lru-cache";
import type { Catalog } from "../domain/catalog.ts";
import { toWire } from "./mapping.ts";

/** How many bytes of answers are kept; those that nobody has asked for the longest make way. */
const maxBytes = 32 * 1024 * 1024;

/** How many bytes an answer takes besides its own, about. */
const overheadBytes = 256;

/**
 * The answers of GetProduct, encoded, for a while. What this process changes is forgotten at once; a change that another
 * one makes is seen when the while is over.
 */
export class ProductCache {
  readonly #catalog: Catalog;
  readonly #answers: LRUCache<string, Encoded<Product>>;
  /** Those that are being looked up: many calls that ask for one product ask for it once. */
  readonly #pending = new Map<string, Promise<Encoded<Product>>>();

  /** `maxAgeMs`: how long an answer is kept, in milliseconds. */
  constructor(catalog: Catalog, maxAgeMs: number) {
    this.#catalog = catalog;
    this.#answers = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }) => bytes + overheadBytes,
      ttl: maxAgeMs,
    });
  }

  /** The product with that id: at once where it is known. Throws PRODUCT_NOT_FOUND. */
  get(id: string): Encoded<Product> | Promise<Encoded<Product>> {
    return this.#answers.get(id) ?? this.#pending.get(id) ?? this.#load(id);
  }

  /** Products have been changed. */
  forget(ids: Iterable<string>): void {
    for (const id of ids) {
      this.#answers.delete(id);
      // Whoever asks from now on must not get what was there before.
      this.#pending.delete(id);
    }
  }

  #load(id: string): Promise<Encoded<Product>> {
    const loading = this.#catalog
      .get(id)
      .then((product) => {
        const answer = encoded(Product, toWire(product));
        if (this.#pending.get(id) === loading) this.#answers.set(id, answer);
        return answer;
      })
      .finally(() => {
        if (this.#pending.get(id) === loading) this.#pending.delete(id);
      });
    this.#pending.set(id, loading);
    return loading;
  }
}

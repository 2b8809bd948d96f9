import type { Database } from "@org/database";
import type { Product } from "../domain/product.ts";
import type { Change, Outcome, ProductStore } from "../domain/product-store.ts";

interface ProductRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly currency_code: string;
  readonly price_units: bigint;
  readonly price_nanos: number;
}

const columns = "id, name, description, category, currency_code, price_units, price_nanos";

/** The catalogue in PostgreSQL. */
export class SqlProductStore implements ProductStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async find(id: string): Promise<Product | undefined> {
    const [row] = await this.#database.query<ProductRow>({
      name: "product-find",
      text: `select ${columns} from products where id = $1`,
      values: [id],
    });
    return row === undefined ? undefined : toProduct(row);
  }

  async pageOfCategory(
    category: string,
    afterId: string,
    limit: number,
    signal: AbortSignal,
  ): Promise<Product[]> {
    // PostgreSQL's text cannot hold it, so that no product has it.
    if (category.includes("\0")) return [];
    const rows = await this.#database.query<ProductRow>(
      {
        name: "product-page",
        text: `select ${columns} from products where category = $1 and id > $2 order by id limit $3`,
        values: [category, afterId, limit],
      },
      signal,
    );
    return rows.map(toProduct);
  }

  async apply(changes: readonly Change[]): Promise<Outcome[]> {
    const upserts = changes.flatMap((change) => (change.kind === "upsert" ? [change.product] : []));
    const deletes = changes.flatMap((change) => (change.kind === "delete" ? [change.id] : []));
    // Each is a transaction of its own: together they could deadlock with those of another import.
    const written = await this.#upsert(upserts);
    const deleted = await this.#delete(deletes);
    return changes.map((change) =>
      change.kind === "upsert"
        ? (written.get(change.product.id) ?? "unchanged")
        : deleted.has(change.id)
          ? "deleted"
          : "unchanged",
    );
  }

  async #upsert(products: readonly Product[]): Promise<Map<string, Outcome>> {
    if (products.length === 0) return new Map();
    const rows = await this.#database.query<{ id: string; created: boolean }>({
      name: "product-upsert",
      // Sorted, so that two imports lock the same rows in the same order. xmax is 0 in a row that
      // is new; rows that are equal already are not written, and not returned.
      text: `
        insert into products (${columns})
        select * from unnest(
          $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::integer[]
        ) as input (${columns})
        order by input.id collate "C"
        on conflict (id) do update set
          name = excluded.name, description = excluded.description, category = excluded.category,
          currency_code = excluded.currency_code, price_units = excluded.price_units,
          price_nanos = excluded.price_nanos
        where row(products.*) is distinct from row(excluded.*)
        returning id, xmax = 0 as created`,
      values: [
        products.map(({ id }) => id),
        products.map(({ name }) => name),
        products.map(({ description }) => description),
        products.map(({ category }) => category),
        products.map(({ price }) => price.currencyCode),
        products.map(({ price }) => price.units),
        products.map(({ price }) => price.nanos),
      ],
    });
    return new Map(rows.map(({ id, created }) => [id, created ? "created" : "updated"]));
  }

  async #delete(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.#database.query<{ id: string }>({
      name: "product-delete",
      text: `
        delete from products where id in (
          select id from products where id = any($1) order by id for update
        ) returning id`,
      values: [ids],
    });
    return new Set(rows.map(({ id }) => id));
  }
}

function toProduct(row: ProductRow): Product {
  const { id, name, description, category } = row;
  const price = {
    currencyCode: row.currency_code,
    units: row.price_units,
    nanos: row.price_nanos,
  };
  return { id, name, description, category, price };
}

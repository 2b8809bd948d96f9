import {
  type ImportProductsRequest,
  type ImportProductsResponse,
  ProductServiceDefinition,
} from "@org/contracts/product/v1";
import { batches, type CheckedRequest, implement, type Requests, type Service } from "@org/kit";
import type { Catalog } from "../domain/catalog.ts";
import { idOf } from "../domain/product-store.ts";
import { fromRequest, toRejection, toResponse, toWire } from "./mapping.ts";
import { ProductCache } from "./product-cache.ts";
import { toRpcError } from "./to-rpc-error.ts";

/** How many requests of an import are written at a time, at the most. */
const importBatch = 500;

/** How products are answered. */
export interface ProductHandlersOptions {
  /** How long an answer of GetProduct is kept, in milliseconds; 0, not at all, by default. */
  readonly cacheMs?: number;
}

/** Answers org.product.v1.ProductService from a catalogue. */
export function productHandlers(
  catalog: Catalog,
  { cacheMs = 0 }: ProductHandlersOptions = {},
): Service {
  const cache = cacheMs > 0 ? new ProductCache(catalog, cacheMs) : undefined;
  return implement(
    ProductServiceDefinition,
    {
      getProduct: ({ productId }) => cache?.get(productId) ?? catalog.get(productId).then(toWire),

      async *listProductsByCategory({ category }, call) {
        for await (const product of catalog.inCategory(category, call.signal)) {
          yield toWire(product);
        }
      },

      importProducts: (requests) => importProducts(catalog, cache, requests),
    },
    { toRpcError },
  );
}

async function* importProducts(
  catalog: Catalog,
  cache: ProductCache | undefined,
  requests: Requests<CheckedRequest<ImportProductsRequest>>,
): AsyncGenerator<ImportProductsResponse, void> {
  for await (const batch of batches(readRows(requests), importBatch)) {
    const changes = batch.map(({ change }) => change).filter((change) => "kind" in change);
    const outcomes = await catalog.apply(changes).finally(() => {
      // Also where it failed: nobody knows how much was done by then.
      cache?.forget(changes.map(idOf));
    });
    let next = 0;
    for (const { sequence, change } of batch) {
      if ("kind" in change) yield toResponse(sequence, outcomes[next++] ?? "unchanged");
      else yield toRejection(sequence, change);
    }
  }
}

/** One request of an import, read. */
interface Row {
  readonly sequence: bigint;
  readonly change: ReturnType<typeof fromRequest>;
}

/** Reads requests as they come: so no more of a bad one than what is wrong with it waits for its batch. */
async function* readRows(
  requests: Requests<CheckedRequest<ImportProductsRequest>>,
): AsyncGenerator<Row, void> {
  for await (const checked of requests) {
    yield { sequence: checked.request.sequence, change: fromRequest(checked) };
  }
}

import {
  type ImportProductsRequest,
  type ImportProductsResponse,
  ProductServiceDefinition,
} from "@org/contracts/product/v1";
import { batches, implement, type Requests, RpcError, type Service } from "@org/kit";
import type { Catalog } from "../domain/catalog.ts";
import { fromRequest, toRejection, toResponse, toWire } from "./mapping.ts";
import { toRpcError } from "./to-rpc-error.ts";

/** How many requests of an import are written at a time, at the most. */
const importBatch = 500;

/** Answers org.product.v1.ProductService from a catalogue. */
export function productHandlers(catalog: Catalog): Service {
  return implement(
    ProductServiceDefinition,
    {
      async getProduct({ productId }) {
        requireText("product_id", productId);
        return toWire(await catalog.get(productId));
      },

      async *listProductsByCategory({ category }, call) {
        requireText("category", category);
        for await (const product of catalog.inCategory(category, call.signal)) {
          yield toWire(product);
        }
      },

      importProducts: (requests) => importProducts(catalog, requests),
    },
    { aliases: ["product.ProductService"], toRpcError },
  );
}

async function* importProducts(
  catalog: Catalog,
  requests: Requests<ImportProductsRequest>,
): AsyncGenerator<ImportProductsResponse, void> {
  for await (const batch of batches(requests, importBatch)) {
    const changes = batch.map(fromRequest);
    const outcomes = await catalog.apply(changes.filter((change) => "kind" in change));
    let next = 0;
    for (const [index, { sequence }] of batch.entries()) {
      const change = changes[index];
      if (change === undefined || !("kind" in change)) yield toRejection(sequence, change ?? []);
      else yield toResponse(sequence, outcomes[next++] ?? "unchanged");
    }
  }
}

function requireText(field: string, text: string): void {
  if (text === "") {
    throw RpcError.invalidArgument([{ field, description: "must not be empty" }]);
  }
}

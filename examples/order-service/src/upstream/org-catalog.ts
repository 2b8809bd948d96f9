import { Code, RpcError, type Services } from "@org/client";
import type { Catalog } from "../domain/checkout.ts";

/** Users and products, asked of the organisation's services. */
export function orgCatalog({ products, users }: Services): Catalog {
  return {
    async hasUser(userId, signal) {
      return (await unlessNotFound(users.getUser({ userId }, { signal }))) !== undefined;
    },

    async priceOf(productId, signal) {
      const product = await unlessNotFound(products.getProduct({ productId }, { signal }));
      if (product === undefined) return undefined;
      if (product.unitPrice === undefined) throw new Error(`product ${productId} has no price`);
      return product.unitPrice;
    },
  };
}

/**
 * What a call answers; undefined for NOT_FOUND. Our callers know our contract only, so of the others'
 * statuses they get those that mean the same to everybody.
 */
async function unlessNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    switch (error.code) {
      case Code.NOT_FOUND:
        return undefined;
      case Code.CANCELLED:
      case Code.DEADLINE_EXCEEDED:
      case Code.UNAVAILABLE:
        throw new RpcError(error.code, "a service that this one needs did not answer", {
          cause: error,
        });
      default:
        throw new Error("a service that this one needs failed", { cause: error });
    }
  }
}

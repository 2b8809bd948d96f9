import { isErrorOf, RpcError, type Services } from "@org/client";
import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import type { Catalog } from "../domain/checkout.ts";

/** Users and products, asked of the organisation's services. */
export function orgCatalog({ products, users }: Services): Catalog {
  return {
    async hasUser(userId) {
      try {
        await users.getUser({ userId });
        return true;
      } catch (error) {
        if (!isErrorOf(UserServiceDefinition, "getUser", error)) throw ours(error);
        switch (error.reason) {
          case "USER_NOT_FOUND":
            return false;
        }
      }
    },

    async priceOf(productId) {
      try {
        const { unitPrice } = await products.getProduct({ productId });
        if (unitPrice === undefined) throw new Error(`product ${productId} has no price`);
        return unitPrice;
      } catch (error) {
        if (!isErrorOf(ProductServiceDefinition, "getProduct", error)) throw ours(error);
        switch (error.reason) {
          case "PRODUCT_NOT_FOUND":
            return undefined;
        }
      }
    },
  };
}

/**
 * What another service failed with, as our failure. That it does not answer in time is true of us as
 * well; what else it says is part of its contract, and not of ours: the kit lets nobody see it.
 */
function ours(error: unknown): unknown {
  return error instanceof RpcError
    ? new RpcError(error.code, "a service that this one needs did not answer", { cause: error })
    : error;
}

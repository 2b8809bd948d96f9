import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { DatabaseUnavailableError } from "@org/database";
import { Code, RpcError } from "@org/kit";
import { CatalogError, type CatalogErrorReason } from "../domain/catalog-error.ts";

const codes = {
  PRODUCT_NOT_FOUND: Code.NOT_FOUND,
} as const satisfies Record<CatalogErrorReason, Code>;

/** The status for what the catalogue and its database throw; undefined for anything else. */
export function toRpcError(error: unknown): RpcError | undefined {
  if (error instanceof CatalogError) {
    const domain = ProductServiceDefinition.fullName;
    return new RpcError(codes[error.reason], error.message, {
      details: [{ type: "ErrorInfo", value: { reason: error.reason, domain, metadata: {} } }],
      cause: error,
    });
  }
  if (error instanceof DatabaseUnavailableError) {
    return new RpcError(Code.UNAVAILABLE, "the catalogue cannot be reached", { cause: error });
  }
  return undefined;
}

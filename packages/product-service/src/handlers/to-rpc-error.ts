import { DatabaseUnavailableError } from "@org/database";
import { type CallContext, RpcError } from "@org/kit";
import { CatalogError, type CatalogErrorReason } from "../domain/catalog-error.ts";

/** The status for what the catalogue and its database throw; undefined for anything else. */
export function toRpcError(
  error: unknown,
  call: CallContext<CatalogErrorReason>,
): RpcError | undefined {
  if (error instanceof CatalogError) {
    return call.error(error.reason, error.message, { cause: error });
  }
  if (error instanceof DatabaseUnavailableError) {
    return RpcError.unavailable("the catalogue cannot be reached", { cause: error });
  }
  return undefined;
}

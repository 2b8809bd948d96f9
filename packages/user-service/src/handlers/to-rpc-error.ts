import { DatabaseUnavailableError } from "@org/database";
import { type CallContext, RpcError } from "@org/kit";
import { DirectoryError, type DirectoryErrorReason } from "../domain/directory-error.ts";

/** The status for what the directory and its database throw; undefined for anything else. */
export function toRpcError(
  error: unknown,
  call: CallContext<DirectoryErrorReason>,
): RpcError | undefined {
  if (error instanceof DirectoryError) {
    return call.error(error.reason, error.message, { cause: error });
  }
  if (error instanceof DatabaseUnavailableError) {
    return RpcError.unavailable("the users cannot be reached", { cause: error });
  }
  return undefined;
}

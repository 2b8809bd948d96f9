import { UserServiceDefinition } from "@org/contracts/user/v1";
import { DatabaseUnavailableError } from "@org/database";
import { Code, RpcError } from "@org/kit";
import { DirectoryError, type DirectoryErrorReason } from "../domain/directory-error.ts";

const codes = {
  USER_NOT_FOUND: Code.NOT_FOUND,
  REQUEST_ID_REUSED: Code.ALREADY_EXISTS,
} as const satisfies Record<DirectoryErrorReason, Code>;

/** The status for what the directory and its database throw; undefined for anything else. */
export function toRpcError(error: unknown): RpcError | undefined {
  if (error instanceof DirectoryError) {
    const domain = UserServiceDefinition.fullName;
    return new RpcError(codes[error.reason], error.message, {
      details: [{ type: "ErrorInfo", value: { reason: error.reason, domain, metadata: {} } }],
      cause: error,
    });
  }
  if (error instanceof DatabaseUnavailableError) {
    return new RpcError(Code.UNAVAILABLE, "the users cannot be reached", { cause: error });
  }
  return undefined;
}

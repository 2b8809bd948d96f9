import { RpcError } from "@org/kit/client";

/** The status that a call fails with. It fails the test where there is none. */
export async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const error: unknown = await call.then(
    () => new Error("expected a failure, but the call was answered"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof RpcError) return error;
  throw error;
}

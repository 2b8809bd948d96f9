import { Metadata } from "@grpc/grpc-js";
import { Code, RpcError } from "@org/kit/client";
import type { Any, Failure, Header, Messages } from "./connect-messages.ts";

const detailsKey = "grpc-status-details-bin";

/** Metadata as the suite has them. */
export function toHeaders(metadata: Metadata): Header[] {
  return Object.keys(metadata.getMap()).map((name) => ({
    name,
    value: metadata
      .get(name)
      .map((value) =>
        typeof value === "string" ? value : value.toString("base64").replaceAll("=", ""),
      ),
  }));
}

/** The suite's headers as metadata. */
export function toMetadata(headers: readonly Header[]): Metadata {
  const metadata = new Metadata();
  for (const { name, value } of headers) {
    const isBinary = name.toLowerCase().endsWith("-bin");
    for (const each of value) metadata.add(name, isBinary ? Buffer.from(each, "base64") : each);
  }
  return metadata;
}

/**
 * The error that a handler throws for one of the suite's. The kit's own `details` are the messages of google.rpc
 * only; others go as the trailer that they are on the wire.
 */
export function toRpcError(
  { Status }: Messages,
  { code, message = "", details }: Failure,
): RpcError {
  const metadata = new Metadata();
  if (details.length > 0) {
    metadata.set(detailsKey, Buffer.from(Status.encode({ code, message, details }).finish()));
  }
  return new RpcError(code, message, { metadata });
}

/** What a call has failed with, as the suite has it. */
export function toFailure({ Status }: Messages, error: unknown): Failure {
  if (!(error instanceof RpcError)) {
    return { code: Code.UNKNOWN, message: String(error), details: [] };
  }
  const [encoded] = error.metadata?.get(detailsKey) ?? [];
  const details: readonly Any[] = typeof encoded === "object" ? Status.decode(encoded).details : [];
  return { code: error.code, message: error.text, details };
}

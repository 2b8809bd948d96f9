import { status } from "@grpc/grpc-js";

/**
 * The status codes of gRPC, by name and by number.
 * Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html
 */
export const Code: typeof status = status;
export type Code = status;

/** The name of a status code, such as `NOT_FOUND`; a number that is none is named by itself. */
export function codeName(code: number): string {
  return Code[code] ?? String(code);
}

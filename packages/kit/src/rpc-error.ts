import { Metadata } from "@grpc/grpc-js";
import { Code, codeName } from "./code.ts";
import { decodeDetails, encodeStatus, type ErrorDetail } from "./error-details.ts";
import type { BadRequest_FieldViolation, ErrorInfo } from "./gen/google/rpc/error_details.ts";
import { sendable } from "./metadata.ts";

/** The trailer that the details travel in, as an encoded google.rpc.Status. */
export const detailsKey = "grpc-status-details-bin";

/**
 * How many bytes a status' text may have on the wire, where it is percent-encoded. Together with the
 * details it stays below the 8 KiB of trailers that gRPC's C core accepts by default.
 */
const maxTextBytes = 2048;

/** One thing that is wrong with a request: the path of the field, and what it should be. */
export interface Violation {
  /** The field's path in the request, in the .proto file's names: `upsert.name`, `requests[3].email`. */
  readonly field: string;
  /** What is wrong, as a phrase that can follow the path: `must not be empty`. */
  readonly description: string;
  /** The id of the rule that is broken, as protovalidate has it: `string.min_len`. */
  readonly rule?: string;
}

/** What an {@link RpcError} is made of besides its code and text. */
export interface RpcErrorOptions {
  /** Rich details; none by default. */
  readonly details?: readonly ErrorDetail[];
  /** Trailers that go with the status; none by default. */
  readonly metadata?: Metadata;
  /** What caused it: for the log, never for the peer. */
  readonly cause?: unknown;
}

/** A status other than OK, in a handler as in a client: what a call failed with. */
export class RpcError extends Error {
  static {
    RpcError.prototype.name = "RpcError";
  }

  /** The status code. */
  readonly code: Code;
  /** The status' text, without the code's name that `message` starts with. */
  readonly text: string;
  /** The rich details (https://google.aip.dev/193), decoded. */
  readonly details: readonly ErrorDetail[];
  /** The trailers that came, or go, with the status. */
  readonly metadata: Metadata | undefined;
  #received = false;

  constructor(code: Code, text: string, options: RpcErrorOptions = {}) {
    super(`${codeName(code)}: ${text}`, { cause: options.cause });
    this.code = code;
    this.text = text;
    this.details = options.details ?? [];
    this.metadata = options.metadata;
  }

  /** An INVALID_ARGUMENT that names each field which is wrong, in its text and as google.rpc.BadRequest. */
  static invalidArgument(violations: readonly Violation[]): RpcError {
    const named = violations
      .slice(0, 3)
      .map(({ field, description }) => `${field}: ${description}`);
    const more = violations.length - named.length;
    const text = named.join("; ") + (more > 0 ? `; and ${more} more` : "");
    return new RpcError(Code.INVALID_ARGUMENT, text, {
      details: [{ type: "BadRequest", value: { fieldViolations: toFieldViolations(violations) } }],
    });
  }

  /**
   * An UNAVAILABLE that tells when to try again (google.rpc.RetryInfo): after a second where nothing
   * else is said.
   */
  static unavailable(
    text: string,
    options: { retryAfterMs?: number; cause?: unknown } = {},
  ): RpcError {
    const { retryAfterMs = 1000, cause } = options;
    return new RpcError(Code.UNAVAILABLE, text, { details: [retryInfo(retryAfterMs)], cause });
  }

  /** The status that a peer sent, with its details. */
  static fromStatus(status: { code: Code; details: string; metadata: Metadata }): RpcError {
    const [encoded] = status.metadata.get(detailsKey);
    const code = status.code in Code ? status.code : Code.UNKNOWN;
    const error = new RpcError(code, status.details, {
      details: typeof encoded === "object" ? decodeDetails(encoded) : [],
      metadata: status.metadata,
    });
    error.#received = true;
    return error;
  }

  /** @internal Whether a peer sent it: what it says is about a request of ours, and not about one to us. */
  get received(): boolean {
    return this.#received;
  }

  /** The fields that the peer found wrong; none unless the details have a google.rpc.BadRequest. */
  get violations(): readonly Violation[] {
    const found = this.details.find((detail) => detail.type === "BadRequest");
    return (found?.value.fieldViolations ?? []).map(({ field, description, reason }) => ({
      field,
      description,
      ...(reason === "" ? {} : { rule: reason }),
    }));
  }

  /** Why, as a constant of the service's (google.rpc.ErrorInfo); undefined where none was given. */
  get reason(): string | undefined {
    return this.#errorInfo?.reason;
  }

  /** Whose reason it is: the full name of a service. */
  get domain(): string | undefined {
    return this.#errorInfo?.domain;
  }

  /** How many milliseconds to wait before the next try (google.rpc.RetryInfo); undefined where it is not said. */
  get retryAfterMs(): number | undefined {
    const delay = this.details.find((detail) => detail.type === "RetryInfo")?.value.retryDelay;
    return delay && Number(delay.seconds) * 1000 + delay.nanos / 1_000_000;
  }

  get #errorInfo(): ErrorInfo | undefined {
    return this.details.find((detail) => detail.type === "ErrorInfo")?.value;
  }

  /** @internal What grpc-js sends of it, with the trailers of the call. */
  toStatus(trailer?: Metadata): { code: Code; details: string; metadata: Metadata } {
    const details = sendableText(this.text);
    const metadata = trailer?.clone() ?? new Metadata();
    if (this.metadata !== undefined) metadata.merge(this.metadata);
    if (this.details.length > 0) {
      metadata.set(detailsKey, encodeStatus(this.code, details, this.details));
    }
    return { code: this.code, details, metadata: sendable(metadata) };
  }
}

/** Violations as google.rpc.BadRequest has them. Their rule's id is the `reason`. */
export function toFieldViolations(violations: readonly Violation[]): BadRequest_FieldViolation[] {
  return violations.map(({ field, description, rule = "" }) => ({
    field,
    description,
    reason: rule,
    localizedMessage: undefined,
  }));
}

/** The detail that tells when to try again. */
export function retryInfo(afterMs: number): ErrorDetail<"RetryInfo"> {
  const seconds = Math.floor(afterMs / 1000);
  const nanos = Math.round((afterMs - seconds * 1000) * 1_000_000);
  return { type: "RetryInfo", value: { retryDelay: { seconds: BigInt(seconds), nanos } } };
}

/** A text as it can be sent: cut where it is too long, and without halves of surrogate pairs. */
function sendableText(text: string): string {
  // Cut before it is encoded: a text may repeat a request of many megabytes.
  const wellFormed = text.slice(0, maxTextBytes + 1).toWellFormed();
  if (encodeURI(wellFormed).length <= maxTextBytes) return wellFormed;
  const ellipsis = "…";
  let room = maxTextBytes - encodeURI(ellipsis).length;
  let kept = "";
  for (const character of wellFormed) {
    room -= encodeURI(character).length;
    if (room < 0) break;
    kept += character;
  }
  return kept + ellipsis;
}

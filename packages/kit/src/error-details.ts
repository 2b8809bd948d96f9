import { encoderOf, type MessageType } from "./definition.ts";
import {
  BadRequest,
  DebugInfo,
  ErrorInfo,
  Help,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from "./gen/google/rpc/error_details.ts";
import { Status } from "./gen/google/rpc/status.ts";

const typeUrlPrefix = "type.googleapis.com/google.rpc.";

/**
 * How many bytes the encoded details may have. All trailers of a call share the limit of the
 * receiver, which in gRPC's C core (Python, Ruby, C++) is 8 KiB where nothing else is set
 * (`GRPC_ARG_MAX_METADATA_SIZE`), and base64 makes these 5.3 KiB.
 */
const maxEncodedBytes = 4096;

/** The messages of google/rpc/error_details.proto, by name. */
export interface DetailMessages {
  BadRequest: BadRequest;
  DebugInfo: DebugInfo;
  ErrorInfo: ErrorInfo;
  Help: Help;
  LocalizedMessage: LocalizedMessage;
  PreconditionFailure: PreconditionFailure;
  QuotaFailure: QuotaFailure;
  RequestInfo: RequestInfo;
  ResourceInfo: ResourceInfo;
  RetryInfo: RetryInfo;
}

/** The name of a rich error detail. */
export type DetailName = keyof DetailMessages;

/** A rich error detail: a message of google/rpc/error_details.proto and its name. */
export type ErrorDetail<N extends DetailName = DetailName> = {
  [K in N]: { readonly type: K; readonly value: DetailMessages[K] };
}[N];

const detailTypes: { readonly [N in DetailName]: MessageType<DetailMessages[N]> } = {
  BadRequest,
  DebugInfo,
  ErrorInfo,
  Help,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
};

const encode = encoderOf(Status);

/** Encodes a google.rpc.Status. What would make it too large for a trailer is left out, from the end. */
export function encodeStatus(code: number, text: string, details: readonly ErrorDetail[]): Buffer {
  let kept = details;
  for (;;) {
    const encoded = encode({ code, message: text, details: kept.flatMap(toAny) });
    if (encoded.length <= maxEncodedBytes || kept.length === 0) return encoded;
    kept = shorten(kept);
  }
}

/** Decodes the details of an encoded google.rpc.Status. What is unknown or malformed is passed over. */
export function decodeDetails(encoded: Uint8Array): ErrorDetail[] {
  try {
    return Status.decode(encoded).details.flatMap(({ typeUrl, value }) => {
      const name = typeUrl.slice(typeUrlPrefix.length);
      return typeUrl.startsWith(typeUrlPrefix) && isDetailName(name) ? [decode(name, value)] : [];
    });
  } catch {
    return [];
  }
}

/** None where the value does not fit its type: a status is better without a detail than not sent. */
function toAny<N extends DetailName>(detail: ErrorDetail<N>): { typeUrl: string; value: Buffer }[] {
  const { type, value } = detail;
  try {
    return [{ typeUrl: typeUrlPrefix + type, value: encoderOf(detailTypes[type])(value) }];
  } catch {
    return [];
  }
}

function decode<N extends DetailName>(type: N, value: Uint8Array): ErrorDetail<N> {
  return { type, value: detailTypes[type].decode(value) };
}

function isDetailName(name: string): name is DetailName {
  return Object.hasOwn(detailTypes, name);
}

/** Halves the last detail's field violations; drops the detail when there is nothing to halve. */
function shorten(details: readonly ErrorDetail[]): ErrorDetail[] {
  const others = details.slice(0, -1);
  const last = details.at(-1);
  if (last?.type !== "BadRequest" || last.value.fieldViolations.length < 2) return others;
  const { fieldViolations } = last.value;
  const half = fieldViolations.slice(0, Math.floor(fieldViolations.length / 2));
  return [...others, { type: "BadRequest", value: { fieldViolations: half } }];
}

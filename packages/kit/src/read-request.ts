import { Code } from "./code.ts";
import { decompress, tooLarge, tooManyWait } from "./decompression.ts";
import { prefixBytes } from "./frame-reader.ts";
import { MessageDecoder, type Refused } from "./message-decoder.ts";
import { RpcError } from "./rpc-error.ts";
import type { ServerCall } from "./server-call.ts";

/** Reads the one request of a call, and hands over its bytes once no more can follow. */
export function readRequest(call: ServerCall, ready: (bytes: Buffer) => void): void {
  const { stream, open } = call;
  let decoder: MessageDecoder | undefined;
  let message: Buffer | undefined;
  let isFound = false;
  let isEnded = false;
  const found = (bytes: Buffer, isCompressed: boolean): void => {
    if (isFound) {
      call.abort(secondRequest());
      return;
    }
    isFound = true;
    if (!isCompressed) {
      message = bytes;
      return;
    }
    decompress(bytes, encodingOf(call) ?? "", open).then(
      (decompressed) => {
        message = decompressed;
        if (isEnded && !call.isOver) ready(decompressed);
      },
      (error: unknown) => {
        call.abort(asRefusal(error));
      },
    );
  };
  stream.on("data", (data: Buffer) => {
    if (call.isOver) return;
    // Nearly all come in one piece.
    if (!isFound && decoder === undefined && isWhole(data, open.method.maxRequestBytes)) {
      found(data.subarray(prefixBytes), false);
      return;
    }
    decoder ??= decoderOf(call);
    decoder.push(data);
    while (decoder.next()) {
      found(decoder.message, decoder.isCompressed);
    }
  });
  stream.on("end", () => {
    isEnded = true;
    if (call.isOver) return;
    if (isFound && open.isCutShort) call.abort(secondRequest());
    else if (message !== undefined) ready(message);
    else if (!isFound) call.abort(noRequest(open.isCutShort));
  });
}

function isWhole(data: Buffer, maxBytes: number): boolean {
  if (data.length < prefixBytes || data[0] !== 0) return false;
  const bytes = data.readUInt32BE(1);
  return bytes <= maxBytes && data.length === prefixBytes + bytes;
}

/** What decompressing rejects with. */
export function asRefusal(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError(Code.INTERNAL, "the request cannot be decompressed", { cause: error });
}

/** Takes the messages of a call out of its bytes; one that cannot be taken ends the call. */
export function decoderOf(call: ServerCall): MessageDecoder {
  const { open } = call;
  const { maxRequestBytes: maxBytes } = open.method;
  return new MessageDecoder({
    call: open,
    maxBytes,
    hasEncoding: encodingOf(call) !== undefined,
    refuse: (why, bytes) => {
      call.abort(refusals[why](bytes, maxBytes));
    },
  });
}

/** How the compressed messages of a call are compressed; undefined where none may be. */
export function encodingOf({ headers }: ServerCall): string | undefined {
  const encoding = headers["grpc-encoding"];
  return typeof encoding !== "string" || encoding === "identity" ? undefined : encoding;
}

const refusals: Readonly<Record<Refused, (bytes: number, maxBytes: number) => RpcError>> = {
  TOO_LARGE: (bytes, maxBytes) => tooLarge(`has ${bytes} bytes`, maxBytes),
  TOO_MANY_WAIT: tooManyWait,
  // https://github.com/grpc/grpc/blob/master/doc/compression.md, test case 6
  NO_ENCODING: () =>
    new RpcError(Code.INTERNAL, "the request is compressed, but grpc-encoding does not say how"),
};

// https://github.com/grpc/grpc/blob/master/doc/statuscodes.md: "Request cardinality violation"

function secondRequest(): RpcError {
  return new RpcError(Code.UNIMPLEMENTED, "the method takes no second request message");
}

function noRequest(isCutShort: boolean): RpcError {
  const why = isCutShort ? ": it ended in the middle of one" : "";
  return new RpcError(Code.UNIMPLEMENTED, `the call has no request message${why}`);
}

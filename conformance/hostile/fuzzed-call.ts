import { gzipSync } from "node:zlib";
import { CreateUserRequest, GetUserRequest, ListUsersRequest } from "@org/contracts/user/v1";
import type { Header } from "../support/hpack.ts";
import { encodeFrame, Flag, FrameType } from "../support/http2-frames.ts";
import type { Random } from "../support/random-message.ts";
import { frame } from "../support/raw-grpc.ts";
import { callHeaders, encodeHeadersFrame, greeting } from "../support/raw-http2.ts";
import { below, mutateBytes, oneOf, randomBytes } from "./mutations.ts";

/** A call of UserService whose request is not what it should be. */
export interface FuzzedCall {
  readonly path: string;
  /** The headers that it has beside the usual ones. */
  readonly headers: readonly Header[];
  readonly body: Buffer;
}

const service = "/org.user.v1.UserService";

const ada = { name: "Ada", email: "ada@example.com", age: 36, requestId: "" };

/** Each method, with valid requests; those of a stream have several. */
const methods: readonly { readonly path: string; readonly requests: readonly Uint8Array[] }[] = [
  {
    path: `${service}/GetUser`,
    requests: [GetUserRequest.encode({ userId: "0190b6a5-0000-7000-8000-000000000001" }).finish()],
  },
  {
    path: `${service}/ListUsers`,
    requests: [ListUsersRequest.encode({ pageSize: 5, pageToken: "3", order: 1 }).finish()],
  },
  {
    path: `${service}/BulkCreateUsers`,
    requests: ["1", "", "3"].map((age) =>
      CreateUserRequest.encode({ ...ada, age: Number(age) }).finish(),
    ),
  },
];

/** A call with so many changes, to a message or to what frames it. */
export function fuzzedCall(random: Random, changes: number = 1 + below(3, random)): FuzzedCall {
  const { path, requests } = oneOf(methods, random);
  const messages: Buffer[] = requests.map((request) => Buffer.from(request));
  const isCompressed = random() < 0.1;
  let framed: Buffer[] | undefined;
  for (let left = changes; left > 0; left -= 1) {
    const at = below(messages.length, random);
    const one = messages[at] ?? Buffer.alloc(0);
    if (random() < 0.6) messages[at] = mutateMessage(one, random);
    else framed = mutateFraming(framed ?? messages.map((each) => frame(each)), random);
  }
  const compressed = (): Buffer[] => messages.map((each) => frame(gzipSync(each), { flag: 1 }));
  const plain = (): Buffer[] => messages.map((each) => frame(each));
  return {
    path,
    headers: isCompressed
      ? [["grpc-encoding", oneOf(["gzip", "deflate", "identity"], random)]]
      : [],
    body: Buffer.concat(framed ?? (isCompressed ? compressed() : plain())),
  };
}

/** Varints that are the ends of their ranges, too long, or never end. */
const varints = [
  "00",
  "7f",
  "8001",
  "ffffffff0f",
  "ffffffffffffffffff01",
  "80808080808080808080",
  "ff".repeat(12),
];

function mutateMessage(message: Buffer, random: Random): Buffer {
  const kind = random();
  if (kind < 0.15) return randomBytes(below(200, random), random);
  if (kind < 0.35) {
    // A field of any number and wire type, which may be one that the message has.
    const tag = Buffer.from([(below(16, random) << 3) | below(8, random)]);
    const field = Buffer.concat([
      tag,
      Buffer.from(oneOf(varints, random), "hex"),
      randomBytes(below(20, random), random),
    ]);
    return Buffer.concat(random() < 0.5 ? [message, field] : [field, message]);
  }
  if (kind < 0.4) {
    // Groups in groups.
    return Buffer.alloc(1 + below(2_000, random), 0x0b);
  }
  return mutateBytes(message, random);
}

function mutateFraming(framed: readonly Buffer[], random: Random): Buffer[] {
  const at = below(framed.length, random);
  const one = framed[at];
  if (one === undefined || one.length < 5) return [...framed, frame(randomBytes(3, random))];
  const changed = Buffer.from(one);
  const kind = below(5, random);
  if (kind === 0) changed.writeUInt8(oneOf([1, 2, 0x80, 0xff], random), 0);
  if (kind === 1) {
    const off = changed.length - 5 - 2 + below(5, random);
    changed.writeUInt32BE(
      oneOf([0, 1, off < 0 ? 0 : off, 262_144, 262_145, 2 ** 32 - 1], random),
      1,
    );
  }
  if (kind === 2) return framed.toSpliced(at, 1);
  if (kind === 3) return framed.toSpliced(at, 0, one);
  if (kind === 4) return [mutateBytes(Buffer.concat(framed), random)];
  return framed.with(at, changed);
}

/** How many calls fit on a connection whose client waits for no WINDOW_UPDATE. */
export const callsPerConnection = 8;

/** All that a client sends that makes those calls, on the streams 1, 3, 5 and so on. */
export function encodeFuzzedCalls(calls: readonly FuzzedCall[]): Buffer {
  const streams = calls.flatMap(({ path, headers, body }, index) => {
    const streamId = 2 * index + 1;
    const flags = Flag.END_STREAM;
    return [
      encodeHeadersFrame(streamId, callHeaders(path, headers)),
      encodeFrame(FrameType.DATA, { streamId, flags, payload: body }),
    ];
  });
  return Buffer.concat([greeting, ...streams]);
}

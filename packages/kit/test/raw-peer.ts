import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Channel } from "@grpc/grpc-js";
import { type ChannelSettings, createChannel, createClient } from "../src/client-index.ts";
import { Code, type RetryPolicy } from "../src/index.ts";
import type { EchoClient } from "./echo-server.ts";
import { type EchoContract, echoWith } from "./policy.ts";

/** The headers of an answer, and its trailers. */
export const ok: OutgoingHttpHeaders = { ":status": 200, "content-type": "application/grpc" };
export const done: OutgoingHttpHeaders = { "grpc-status": "0" };

/** At once, and then after a minute: no test waits for that. */
export const retry: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 60_000,
  maxBackoffMs: 60_000,
  backoffMultiplier: 1,
  retryableCodes: [Code.UNAVAILABLE],
  throttling: { maxTokens: 100, tokenRatio: 0.1 },
};

/** A contract whose calls are retried. */
export const definition: EchoContract = echoWith({ idempotency: "IDEMPOTENT", service: { retry } });

/** Never tried again. */
export const plain: EchoContract = echoWith({});

/** What becomes of a call. */
export type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A server, and a client that is connected to it. */
export interface Peer extends AsyncDisposable {
  readonly client: EchoClient;
  readonly channel: Channel;
  readonly sessions: readonly ServerHttp2Session[];
  readonly sockets: readonly Socket[];
  readonly target: string;
}

/** A server that speaks HTTP/2, and of gRPC only what the test makes it say. */
export async function startPeer(
  onStream: OnStream,
  settings: Omit<ChannelSettings, "target"> = {},
): Promise<Peer> {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => sockets.push(socket));
  server.on("session", (session) => sessions.push(session));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    onStream(stream, headers);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const target = `127.0.0.1:${port}`;
  const channel = createChannel({
    target,
    services: [definition],
    calls: "http2",
    ...settings,
  });
  return {
    client: createClient(definition, { channel }),
    channel,
    sessions,
    sockets,
    target,
    async [Symbol.asyncDispose]() {
      channel.close();
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

/** Answers a call with these messages. */
export function answer(
  stream: ServerHttp2Stream,
  body: readonly Buffer[],
  trailers: OutgoingHttpHeaders = done,
  headers: OutgoingHttpHeaders = ok,
): void {
  stream.once("wantTrailers", () => {
    stream.sendTrailers(trailers);
  });
  stream.respond(headers, { waitForTrailers: true });
  for (const each of body) stream.write(each);
  stream.end();
  stream.resume();
}

/** A message that is said to be compressed. */
export function compressed(bytes: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(1);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

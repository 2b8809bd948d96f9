import { join } from "node:path";
import { z } from "zod";
import type { ProcessState } from "./announce.ts";
import { grpcCalls, jsonCalls } from "./calls.ts";
import { startChild } from "./child.ts";
import type { LoadCall } from "./load-connection.ts";
import type { Token } from "./token.ts";
import { sampledTrace, tracedEnvironment } from "./trace-sink.ts";
import type { Kind } from "./work.ts";

/** A server that is measured, and what it is made of. */
interface PeerFacts {
  /** What it is called in tables. */
  readonly title: string;
  readonly protocol: "grpc" | "http";
  /** The registry packages whose versions matter. */
  readonly packages: readonly string[];
}

/** All servers, by the names of their files in bench/peers. */
export const peers: Readonly<Record<PeerName, PeerFacts>> = {
  ours: { title: "ours, full", protocol: "grpc", packages: ["@grpc/grpc-js"] },
  "grpc-js": { title: "bare grpc-js", protocol: "grpc", packages: ["@grpc/grpc-js"] },
  "nice-grpc": { title: "nice-grpc", protocol: "grpc", packages: ["nice-grpc"] },
  "connect-node": {
    title: "connect-node",
    protocol: "grpc",
    packages: ["@connectrpc/connect-node", "@bufbuild/protobuf"],
  },
  nestjs: {
    title: "NestJS",
    protocol: "grpc",
    packages: ["@nestjs/core", "@nestjs/microservices", "@grpc/proto-loader"],
  },
  fastify: { title: "fastify, JSON", protocol: "http", packages: ["fastify"] },
  http2: { title: "raw node:http2", protocol: "grpc", packages: [] },
};

/** Their names, in the order of the tables. */
export const peerNames = [
  "ours",
  "grpc-js",
  "nice-grpc",
  "connect-node",
  "nestjs",
  "fastify",
  "http2",
] as const;
export type PeerName = (typeof peerNames)[number];

/** A server that listens. */
export interface RunningPeer extends AsyncDisposable {
  readonly name: PeerName;
  readonly port: number;
  readonly protocol: "grpc" | "http";
  /** How it is. */
  state(): Promise<ProcessState>;
  /** A call with what this server asks its callers for. */
  call(call: LoadCall): LoadCall;
  /** The call of a kind, with that. */
  callOf(kind: Kind): LoadCall;
  /** The same, of which ours records each: what it does for one call in a hundred would be cold for ten seconds. */
  warmUpCallOf(kind: Kind): LoadCall;
}

/** What a child says when it listens, and what it answers then. */
export const announced: z.ZodType<{ readonly port: number }> = z.object({ port: z.number() });
const state: z.ZodType<ProcessState> = z.object({
  cpuMicroseconds: z.number(),
  residentBytes: z.number(),
  found: z.number(),
});

/** Where the program of a server is. */
export function peerFile(name: PeerName): string {
  return join(import.meta.dirname, "../peers", `${name}.ts`);
}

/** What the program of a server is told: ours, by which keys it knows its callers, and what else bench/peers/ours.ts reads. */
export function peerArguments(
  name: PeerName,
  token: Token,
  { moreMethods = 0, isEncoded = false }: StartOptions = {},
): readonly string[] {
  if (name !== "ours") return [];
  return [token.keysFile, String(moreMethods), ...(isEncoded ? ["encoded"] : [])];
}

/** How a server is started. */
export interface StartOptions {
  /** How many methods ours has besides; 0 by default. */
  readonly moreMethods?: number;
  /** Whether ours keeps its answers encoded; it does not by default. */
  readonly isEncoded?: boolean;
  /** Whether a hundredth of the calls of ours is traced; true by default. */
  readonly isTraced?: boolean;
  /** What is run; the source by default. */
  readonly file?: string;
}

/** Starts a server on its core. */
export async function startPeer(
  name: PeerName,
  token: Token,
  options: StartOptions = {},
): Promise<RunningPeer> {
  const { file = peerFile(name), isTraced = true } = options;
  const env = name === "ours" && isTraced ? await tracedEnvironment() : {};
  const child = startChild("measured", file, peerArguments(name, token, options), env);
  const { port } = await child.next(announced);
  const { protocol } = peers[name];
  const withCredentials = (call: LoadCall): LoadCall =>
    name === "ours" ? authorized(call, token) : call;
  const callOf = (kind: Kind): LoadCall =>
    withCredentials((protocol === "grpc" ? grpcCalls : jsonCalls)[kind]);
  return {
    name,
    port,
    protocol,
    state: () => child.ask({ state: true }, state),
    call: withCredentials,
    callOf,
    warmUpCallOf: (kind) => (name === "ours" ? recorded(callOf(kind)) : callOf(kind)),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Of a trace that is recorded. */
function recorded(call: LoadCall): LoadCall {
  return { ...call, headers: [...call.headers, ["traceparent", sampledTrace]] };
}

/** With a token and a timeout, as every caller of ours sends them. */
export function authorized(call: LoadCall, { token }: Token): LoadCall {
  const more = [
    ["authorization", `Bearer ${token}`],
    ["grpc-timeout", "20S"],
  ] as const;
  return { ...call, headers: [...call.headers, ...more] };
}

import { inspect } from "node:util";
import type { Channel } from "@grpc/grpc-js";
import { z } from "zod";
import {
  type CallOptions,
  type ChannelSettings,
  type Client,
  createClient,
  RpcError,
} from "../src/client-index.ts";
import { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import {
  type CallContext,
  Code,
  createLogger,
  type Encoded,
  type Handlers,
  implement,
  type ImplementOptions,
  type RunningServer,
  serve,
  type ServeOptions,
} from "../src/index.ts";
import { createChannel } from "./create-channel.ts";
import { EchoDefinition } from "./echo.ts";
import type { EchoContract } from "./policy.ts";

type EchoHandlers = Handlers<typeof EchoDefinition>;
export type EchoClient = Client<typeof EchoDefinition>;

/** One method of each kind. */
export type Method = keyof EchoHandlers;
export const methods: readonly Method[] = ["echo", "expand", "collect", "chat"];
/** Those that answer with many messages. */
export const streamingMethods: readonly ("expand" | "chat")[] = ["expand", "chat"];

/** What the kit writes to its log, as far as the tests read it. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly path?: string | undefined;
  readonly code?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly err?: unknown;
}

const logLine: z.ZodType<LogLine> = z.looseObject({
  level: z.number(),
  msg: z.string(),
  path: z.string().optional(),
  code: z.number().optional(),
  correlationId: z.string().optional(),
  err: z.unknown().optional(),
});

/** A server with handlers of the test's own, a client that is connected to it, and what it logged. */
export interface EchoServer extends AsyncDisposable {
  readonly server: RunningServer;
  readonly channel: Channel;
  readonly client: EchoClient;
  readonly log: readonly LogLine[];
}

export interface EchoServerOptions
  extends Omit<ServeOptions, "services" | "logger" | "signals">,
    ImplementOptions {
  readonly channel?: Omit<ChannelSettings, "target">;
  /** The service with a contract; by default it has none. */
  readonly definition?: EchoContract;
}

/** Starts a server of its own for one test. Methods without a handler answer UNIMPLEMENTED. */
export async function startEcho(
  handlers: Partial<EchoHandlers>,
  { aliases, toRpcError, channel: channelSettings, definition, ...options }: EchoServerOptions = {},
): Promise<EchoServer> {
  const contract: EchoContract = definition ?? EchoDefinition;
  const log: LogLine[] = [];
  const destination = {
    write: (line: string) => void log.push(logLine.parse(JSON.parse(line))),
  };
  const service = implement(
    contract,
    { ...unimplemented, ...handlers },
    { ...(aliases && { aliases }), ...(toRpcError && { toRpcError }) },
  );
  const server = await serve({
    services: [service],
    signals: false,
    graceMs: 0,
    logger: createLogger({ name: "test", level: "debug", destination }),
    ...options,
  });
  const channel = createChannel({
    target: server.target,
    services: [contract],
    ...channelSettings,
  });
  return {
    server,
    channel,
    client: createClient(contract, { channel }),
    log,
    async [Symbol.asyncDispose]() {
      channel.close();
      await server.close();
    },
  };
}

const unimplemented = handlersOf(() => {
  throw new RpcError(Code.UNIMPLEMENTED, "the test has no handler for it");
});

/** What a method of any kind does, written once. */
type Behaviour = (
  requests: AsyncIterable<RequestInfo>,
  call: CallContext,
) => AsyncIterable<RequestInfo | Encoded<RequestInfo>>;

/** Handlers of all four kinds that do the same; those that answer once give the first answer. */
export function handlersOf(behaviour: Behaviour): EchoHandlers {
  return {
    echo: (request, call) => first(behaviour(only(request), call)),
    expand: (request, call) => behaviour(only(request), call),
    collect: (requests, call) => first(behaviour(requests, call)),
    chat: (requests, call) => behaviour(requests, call),
  };
}

async function* only<T>(each: T): AsyncIterable<T> {
  yield each;
}

/** What answers with no message at all. */
export async function* nothing(): AsyncIterable<never> {
  yield* [];
}

async function first<T>(messages: AsyncIterable<T>): Promise<T> {
  for await (const each of messages) return each;
  throw new Error("the behaviour gave no answer");
}

/** A message with an id and, where a test is about size, something in it. */
export function message(requestId: string, servingData = ""): RequestInfo {
  return { requestId, servingData };
}

/** Calls a method of any kind with one request, and gathers the ids of its answers. */
export async function callAny(
  client: EchoClient,
  method: Method,
  options?: CallOptions,
  request: RequestInfo = message("request"),
): Promise<string[]> {
  switch (method) {
    case "echo":
      return [(await client.echo(request, options)).requestId];
    case "collect":
      return [(await client.collect([request], options)).requestId];
    case "expand":
      return idsOf(client.expand(request, options));
    case "chat":
      return idsOf(client.chat([request], options));
  }
}

/** All messages of a stream. */
export async function gather<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const gathered: T[] = [];
  for await (const each of messages) gathered.push(each);
  return gathered;
}

/** The ids of all messages of a stream. */
export async function idsOf(messages: AsyncIterable<RequestInfo>): Promise<string[]> {
  return (await gather(messages)).map(({ requestId }) => requestId);
}

/** The status that a call failed with. It fails the test where there is none. */
export async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const outcome = await call.then(
    (value) => new Error(`expected a failure, but the call answered ${inspect(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof RpcError) return outcome;
  throw outcome;
}

/** Resolves once a signal is aborted, with its reason. */
export function abortion(signal: AbortSignal): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const settle = (): void => {
    resolve(signal.reason);
  };
  if (signal.aborted) settle();
  else signal.addEventListener("abort", settle, { once: true });
  return promise;
}

/** A message in the frame that it has on the wire, for peers that are not gRPC libraries. */
export function frame(each: RequestInfo): Buffer {
  const bytes = RequestInfo.encode(each).finish();
  const framed = Buffer.alloc(5 + bytes.byteLength);
  framed.writeUInt32BE(bytes.byteLength, 1);
  framed.set(bytes, 5);
  return framed;
}

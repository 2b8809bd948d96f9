import { describe, expect, test } from "@jest/globals";
import { createChannel, createClient, type MessageInput } from "../src/client-index.ts";
import { RequestInfo, RetryInfo } from "../src/gen/google/rpc/error_details.ts";
import type {
  ExtensionRequest,
  ServerReflectionRequest,
} from "../src/gen/grpc/reflection/v1/reflection.ts";
import {
  type CallContext,
  Code,
  type Encoded,
  encoded,
  type ErrorDetail,
  type Handlers,
  implement,
  type Requests,
  RpcError,
} from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import { type EchoClient, message, startEcho } from "./echo-server.ts";

type EchoHandlers = Handlers<typeof EchoDefinition>;

/** True where two types can stand for each other, and neither is `any`. */
type Same<A, B> = 0 extends 1 & A & B ? false : [A, B] extends [B, A] ? true : false;

function same<A, B>(proven: Same<A, B>): void {
  expect(proven).toBe(true);
}

type Answer = RequestInfo | Encoded<RequestInfo>;

const echo = async (request: RequestInfo) => request;
const collect = async () => message("collected");
async function* expand(request: RequestInfo) {
  yield request;
}
async function* chat(requests: Requests<RequestInfo>) {
  yield* requests;
}
const right = { echo, expand, collect, chat } satisfies EchoHandlers;

describe("handlers", () => {
  test("are derived from the definition, by the kind of each method", () => {
    same<Parameters<EchoHandlers["echo"]>, [request: RequestInfo, call: CallContext]>(true);
    same<ReturnType<EchoHandlers["echo"]>, Answer | Promise<Answer>>(true);
    same<Parameters<EchoHandlers["expand"]>, [request: RequestInfo, call: CallContext]>(true);
    same<ReturnType<EchoHandlers["expand"]>, AsyncIterable<Answer>>(true);
    same<Parameters<EchoHandlers["collect"]>[0], AsyncIterableIterator<RequestInfo, undefined>>(
      true,
    );
    same<ReturnType<EchoHandlers["collect"]>, Answer | Promise<Answer>>(true);
    same<Parameters<EchoHandlers["chat"]>[0], AsyncIterableIterator<RequestInfo, undefined>>(true);
    same<ReturnType<EchoHandlers["chat"]>, AsyncIterable<Answer>>(true);
    same<keyof EchoHandlers, "echo" | "expand" | "collect" | "chat">(true);
    expect(Object.keys(right)).toEqual(Object.keys(EchoDefinition.methods));
  });

  test("know their request without a word about its type", () => {
    const service = implement(EchoDefinition, {
      ...right,
      echo: ({ requestId, servingData }, call) => {
        same<typeof requestId, string>(true);
        same<typeof call, CallContext>(true);
        return { requestId, servingData };
      },
    });
    expect(service.definition).toBe(EchoDefinition);
    expect(service.aliases).toEqual([]);
  });

  test("must all be there", () => {
    // @ts-expect-error must not compile: echo is missing
    const service = implement(EchoDefinition, { expand, collect, chat });
    expect(service.handlers).not.toHaveProperty("echo");
  });

  test("must be those of the definition", () => {
    const extra = {
      ...right,
      // @ts-expect-error must not compile: the definition has no such method
      shout: echo,
    } satisfies EchoHandlers;
    expect(extra.shout).toBe(echo);
  });

  test("must answer with the right message, all of it, and of the right kind", () => {
    const retry = RetryInfo.fromPartial({});
    const number = async () => ({ requestId: 1, servingData: "" });
    const incomplete = async function* () {
      yield { requestId: "1" };
    };
    const wrong = [
      // @ts-expect-error must not compile: it is another message
      implement(EchoDefinition, { ...right, echo: async () => ({ id: "1" }) }),
      // @ts-expect-error must not compile: servingData is missing
      implement(EchoDefinition, { ...right, echo: async () => ({ requestId: "1" }) }),
      // @ts-expect-error must not compile: the id is a text
      implement(EchoDefinition, { ...right, echo: number }),
      // @ts-expect-error must not compile: there is no answer
      implement(EchoDefinition, { ...right, echo: async () => undefined }),
      // @ts-expect-error must not compile: one message is no stream
      implement(EchoDefinition, { ...right, expand: collect }),
      // @ts-expect-error must not compile: an array cannot be waited for
      implement(EchoDefinition, { ...right, expand: () => [message("1")] }),
      // @ts-expect-error must not compile: a stream is no message
      implement(EchoDefinition, { ...right, collect: chat }),
      // @ts-expect-error must not compile: a message of the stream is incomplete
      implement(EchoDefinition, { ...right, chat: incomplete }),
      // @ts-expect-error must not compile: another message has been encoded
      implement(EchoDefinition, { ...right, echo: () => encoded(RetryInfo, retry) }),
    ];
    expect(wrong).toHaveLength(9);
  });

  test("may answer with what has been encoded", () => {
    const answer = encoded(RequestInfo, message("1"));
    const handlers = { ...right, echo: () => answer } satisfies EchoHandlers;
    expect(handlers.echo()).toBe(answer);
  });

  test("must take what the definition says", () => {
    const named = async ({ name }: { name: string }) => message(name);
    const counted = async (count: number) => message(String(count));
    const wrong = [
      // @ts-expect-error must not compile: the request has no name
      implement(EchoDefinition, { ...right, echo: named }),
      // @ts-expect-error must not compile: the request is no number
      implement(EchoDefinition, { ...right, echo: counted }),
      // @ts-expect-error must not compile: a stream of requests is no request
      implement(EchoDefinition, { ...right, collect: echo }),
      // @ts-expect-error must not compile: a request is no stream of them
      implement(EchoDefinition, { ...right, expand: chat }),
    ];
    expect(wrong).toHaveLength(4);
  });
});

describe("clients", () => {
  test("are derived from the definition, by the kind of each method", () => {
    same<ReturnType<EchoClient["echo"]>, Promise<RequestInfo>>(true);
    same<ReturnType<EchoClient["expand"]>, AsyncIterableIterator<RequestInfo, undefined>>(true);
    same<ReturnType<EchoClient["collect"]>, Promise<RequestInfo>>(true);
    same<ReturnType<EchoClient["chat"]>, AsyncIterableIterator<RequestInfo, undefined>>(true);
    same<keyof EchoClient, "echo" | "expand" | "collect" | "chat">(true);
    const channel = createChannel({ target: "127.0.0.1:1" });
    const methods = Object.keys(EchoDefinition.methods);
    expect(Object.keys(createClient(EchoDefinition, { channel }))).toEqual(methods);
    channel.close();
  });

  test("take messages with fields left out, but none that are unknown or of another type", async () => {
    await using server = await startEcho(right);
    const { client } = server;
    expect(await client.echo({})).toEqual(message(""));
    expect(await client.echo({ requestId: "1" })).toEqual(message("1"));
    expect(await client.echo({ requestId: undefined })).toEqual(message(""));
    // @ts-expect-error must not compile: there is no such field
    expect(await client.echo({ requestId: "1", name: "x" })).toEqual(message("1"));
    // @ts-expect-error must not compile: the id is a text
    expect(await client.echo({ requestId: 7 })).toEqual(message("7"));
    // @ts-expect-error must not compile: there is no such field
    for await (const answer of client.expand({ name: "x" })) expect(answer).toEqual(message(""));
    // @ts-expect-error must not compile: there is no such field
    expect(await client.collect([{ name: "x" }])).toEqual(message("collected"));
  });

  test("do not take one for many, nor many for one", async () => {
    await using server = await startEcho(right);
    const { client } = server;
    // @ts-expect-error must not compile: one request is no stream of them
    await expect(client.collect(message("1"))).rejects.toThrow(TypeError);
    // @ts-expect-error must not compile: one request is no stream of them
    await expect(client.chat(message("1")).next()).rejects.toThrow(TypeError);
    const stream = client.expand({});
    const promise = client.echo({});
    // @ts-expect-error must not compile: a stream of answers is no promise
    const awaited: Promise<RequestInfo> = stream;
    // @ts-expect-error must not compile: a promise is no stream
    const iterated: AsyncIterable<RequestInfo> = promise;
    expect([Symbol.asyncIterator in awaited, "then" in iterated]).toEqual([true, true]);
    await promise;
    await stream.return?.();
  });

  test("give messages in full", async () => {
    await using server = await startEcho(right);
    const answer = await server.client.echo({});
    same<typeof answer, RequestInfo>(true);
    // @ts-expect-error must not compile: there is no such field
    expect(answer.name).toBe(undefined);
    // @ts-expect-error must not compile: there is no such method
    expect(server.client.shout).toBe(undefined);
  });

  test("take only options that are known", async () => {
    await using server = await startEcho(right);
    // @ts-expect-error must not compile: there is no such option
    expect(await server.client.echo({}, { timeout: 5 })).toEqual(message(""));
    // @ts-expect-error must not compile: a deadline is a Date
    await expect(server.client.echo({}, { deadline: 5 })).rejects.toThrow(TypeError);
    // @ts-expect-error must not compile: a client needs a channel
    expect(() => createClient(EchoDefinition, {})).toThrow(TypeError);
  });
});

test("inputs leave out what they like, at any depth", () => {
  const input: MessageInput<RetryInfo> = { retryDelay: { nanos: 5 } };
  const listed: MessageInput<ExtensionRequest> = { containingType: "x" };
  const oneof: MessageInput<ServerReflectionRequest> = {
    messageRequest: { $case: "fileContainingExtension", value: { extensionNumber: 7 } },
  };
  const value = { extensionNumber: 7 };
  const mixed: MessageInput<ServerReflectionRequest> = {
    // @ts-expect-error must not compile: the case and its value do not go together
    messageRequest: { $case: "listServices", value },
  };
  // @ts-expect-error must not compile: seconds are a bigint
  const number: MessageInput<RetryInfo> = { retryDelay: { seconds: 5 } };
  expect([input, listed, oneof, mixed, number]).toHaveLength(5);
});

test("details go with their type", () => {
  const value = { requestId: "1", servingData: "" };
  const error = new RpcError(Code.ABORTED, "failed", {
    details: [{ type: "RequestInfo", value }],
  });
  for (const detail of error.details) {
    if (detail.type === "RequestInfo") same<typeof detail.value, RequestInfo>(true);
  }
  // @ts-expect-error must not compile: that is the value of another type
  const other: ErrorDetail = { type: "RetryInfo", value };
  // @ts-expect-error must not compile: there is no such type
  const unheard: ErrorDetail = { type: "Unheard", value };
  expect([other, unheard]).not.toContain(error.details);
});

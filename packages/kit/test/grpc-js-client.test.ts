import type { Writable } from "node:stream";
import { Client, credentials, Metadata, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import { Code, RpcError } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  type EchoServer,
  handlersOf,
  message,
  type Method,
  methods,
  startEcho,
} from "./echo-server.ts";

/** The part of grpc-js's calls that these tests listen to. */
interface Listening {
  on(event: "metadata", listener: (header: Metadata) => void): unknown;
  on(event: "status", listener: (status: StatusObject) => void): unknown;
  on(event: "data", listener: (answer: RequestInfo) => void): unknown;
  on(event: "error", listener: (error: ServiceError) => void): unknown;
}

/** What grpc-js, as it is, makes of a call. */
interface Outcome {
  readonly answers: readonly string[];
  readonly error: ServiceError | undefined;
  readonly header: Metadata | undefined;
  readonly status: StatusObject | undefined;
}

const encode = (request: RequestInfo): Buffer => Buffer.from(RequestInfo.encode(request).finish());
const decode = (bytes: Buffer): RequestInfo => RequestInfo.decode(bytes);

/** Calls a method of any kind with some requests, by grpc-js's own client with its defaults. */
async function call(
  { server }: EchoServer,
  method: Method,
  ids: readonly string[],
  metadata: Metadata = new Metadata(),
  options: { deadline?: number } = {},
): Promise<Outcome> {
  const client = new Client(server.target, credentials.createInsecure());
  const answers: string[] = [];
  let error: ServiceError | undefined;
  let header: Metadata | undefined;
  const { promise, resolve } = Promise.withResolvers<StatusObject>();
  const done = (failure: ServiceError | null, answer?: RequestInfo): void => {
    error = failure ?? undefined;
    if (answer !== undefined) answers.push(answer.requestId);
  };
  const [request = message("")] = ids.map((id) => message(id));
  const path = `/${EchoDefinition.fullName}/${EchoDefinition.methods[method].name}`;
  const types = [path, encode, decode] as const;
  /** Listens to what every call emits. */
  const listen = <C extends Listening>(running: C): C => {
    running.on("metadata", (received: Metadata) => {
      header = received;
    });
    running.on("status", resolve);
    return running;
  };
  /** Listens to what calls with a stream of answers emit. */
  const listenToAll = <C extends Listening>(running: C): C => {
    running.on("data", ({ requestId }: RequestInfo) => answers.push(requestId));
    running.on("error", (failure: ServiceError) => {
      error = failure;
    });
    return listen(running);
  };
  const send = (running: Writable): void => {
    for (const id of ids) running.write(message(id));
    running.end();
  };
  switch (method) {
    case "echo":
      listen(client.makeUnaryRequest(...types, request, metadata, options, done));
      break;
    case "expand":
      listenToAll(client.makeServerStreamRequest(...types, request, metadata, options));
      break;
    case "collect":
      send(listen(client.makeClientStreamRequest(...types, metadata, options, done)));
      break;
    case "chat":
      send(listenToAll(client.makeBidiStreamRequest(...types, metadata, options)));
  }
  const status = await promise;
  // The callback of the last message comes a moment after the status.
  await new Promise(setImmediate);
  client.close();
  return { answers, error, header, status };
}

const echoing = handlersOf(async function* (requests) {
  for await (const { requestId } of requests) yield message(`re: ${requestId}`);
});

describe.each(methods)("%s", (method) => {
  test("answers", async () => {
    await using echo = await startEcho(echoing);
    const { answers, error, status } = await call(echo, method, ["1"]);
    expect({ answers, error }).toEqual({ answers: ["re: 1"], error: undefined });
    expect(status).toMatchObject({ code: Code.OK, details: "" });
  });

  test("gives metadata before and after its answers", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { header, trailer, metadata }) {
        header.set("header", metadata.get("ask").join());
        header.add("twice", "1");
        header.add("twice", "2");
        trailer.set("trailer-bin", Buffer.of(0, 255));
        yield message("answer");
      }),
    );
    const metadata = new Metadata();
    metadata.set("ask", "something");
    const { header, status } = await call(echo, method, ["1"], metadata);
    expect(header?.get("header")).toEqual(["something"]);
    expect(header?.get("twice")).toEqual(["1, 2"]);
    expect(status?.metadata.get("trailer-bin")).toEqual([Buffer.of(0, 255)]);
  });

  test("fails with a status, its details and its trailers", async () => {
    await using echo = await startEcho(
      handlersOf((_requests, { trailer }) => {
        trailer.set("trailer", "of the call");
        throw RpcError.invalidArgument([{ field: "name", description: "darf nicht „leer“ sein" }]);
      }),
    );
    const { answers, error } = await call(echo, method, ["1"]);
    expect(answers).toEqual([]);
    expect(error).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      details: "name: darf nicht „leer“ sein",
    });
    expect(error?.metadata.get("trailer")).toEqual(["of the call"]);
    const metadata = error?.metadata ?? new Metadata();
    const status = { code: Code.INVALID_ARGUMENT, details: error?.details ?? "", metadata };
    expect(RpcError.fromStatus(status).violations).toMatchObject([
      { field: "name", description: "darf nicht „leer“ sein" },
    ]);
  });

  test("fails with INTERNAL and no more where a handler breaks", async () => {
    await using echo = await startEcho(
      handlersOf(() => {
        throw new Error("secret");
      }),
    );
    const { error } = await call(echo, method, ["1"]);
    expect(error?.code).toBe(Code.INTERNAL);
    expect(error?.details).toMatch(/^internal error, correlation id [0-9a-f-]{36}$/);
    expect(JSON.stringify(error?.metadata.toJSON())).not.toContain("secret");
  });

  test("is ended by its deadline", async () => {
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield* [];
        await new Promise(() => undefined);
      }),
    );
    const deadline = Date.now() + 50;
    const { error } = await call(echo, method, ["1"], new Metadata(), { deadline });
    expect(error?.code).toBe(Code.DEADLINE_EXCEEDED);
  });
});

test("a stream of nothing is answered, and answers with nothing", async () => {
  await using echo = await startEcho({
    async collect(requests) {
      for await (const { requestId } of requests) return message(requestId);
      return message("none");
    },
    async *chat(requests) {
      yield* requests;
    },
  });
  expect((await call(echo, "collect", [])).answers).toEqual(["none"]);
  const chat = await call(echo, "chat", []);
  expect(chat).toMatchObject({ answers: [], error: undefined, status: { code: Code.OK } });
});

test("many messages go both ways", async () => {
  await using echo = await startEcho(echoing);
  const ids = Array.from({ length: 1_000 }, (_, id) => String(id));
  const { answers } = await call(echo, "chat", ids);
  expect(answers).toEqual(ids.map((id) => `re: ${id}`));
});

test("a method and a service that are unknown are UNIMPLEMENTED", async () => {
  await using echo = await startEcho(echoing);
  const client = new Client(echo.server.target, credentials.createInsecure());
  for (const path of ["/org.kit.test.v1.EchoService/Shout", "/unknown.Service/Echo"]) {
    const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
    client.makeUnaryRequest(path, encode, decode, message(""), resolve);
    expect(await promise).toMatchObject({ code: Code.UNIMPLEMENTED });
  }
  client.close();
});

test("bytes that are no request are refused before they reach the handler", async () => {
  let calls = 0;
  await using echo = await startEcho(
    handlersOf(async function* (requests) {
      calls += 1;
      yield* requests;
    }),
  );
  const client = new Client(echo.server.target, credentials.createInsecure());
  const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
  const path = `/${EchoDefinition.fullName}/Echo`;
  client.makeUnaryRequest(path, () => Buffer.of(0xff, 0xff), decode, message(""), resolve);
  expect(await promise).toMatchObject({ code: Code.INTERNAL });
  client.close();
  expect(calls).toBe(0);
});

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { openStream } from "../src/open-stream.ts";
import { type RunningHttp2Server, startHttp2Server } from "./http2-server.ts";

let running: RunningHttp2Server;

beforeAll(async () => {
  running = await startHttp2Server();
  running.server.on("stream", (stream) => {
    stream.respond({ ":status": 204 }, { endStream: true });
  });
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
});

const headers = [":path", "/", ":method", "GET"];

test("opens a stream, before its session is connected and afterwards", async () => {
  const client = connect(running.url);
  for (let round = 0; round < 2; round += 1) {
    const stream = openStream(client, headers);
    stream.resume();
    const answered = Promise.withResolvers<IncomingHttpHeaders>();
    stream.on("response", answered.resolve);
    await expect(answered.promise).resolves.toHaveProperty(":status", 204);
  }
  client.destroy();
});

test("what comes of a stream is known to belong to where it was opened", async () => {
  const client = connect(running.url);
  const storage = new AsyncLocalStorage<string>();
  const ready = Promise.withResolvers<string | undefined>();
  storage.run("here", () => {
    openStream(client, headers)
      .on("ready", () => {
        ready.resolve(storage.getStore());
      })
      .resume();
  });
  await expect(ready.promise).resolves.toBe("here");
  client.destroy();
});

test("a request that cannot be made is no reason to bind differently from then on", async () => {
  const client = connect(running.url);
  expect(() => openStream(client, [...headers, "connection", "close"])).toThrow(/connection/iu);
  const bound = new AsyncResource("test").bind((one: number, another: number) => one + another);
  expect(bound(1, 2)).toBe(3);
  expect(bound).toHaveLength(2);
  expect(Object.getOwnPropertyDescriptor(bound, "asyncResource")).toBeDefined();
  client.destroy();
  await once(client, "close");
});

test("what is bound by whoever is told of a stream is bound as ever", () => {
  const client = connect(running.url);
  const sums: number[] = [];
  const bindOne = (): void => {
    sums.push(AsyncResource.bind((one: number, another: number) => one + another)(1, 2));
  };
  subscribe("http2.client.stream.created", bindOne);
  openStream(client, headers).on("error", () => undefined);
  unsubscribe("http2.client.stream.created", bindOne);
  client.destroy();
  expect(sums).toEqual([3]);
});

test("what is bound before the request's own does what it is to do", () => {
  const client = connect(running.url);
  const request = client.request.bind(client);
  let found: unknown[] = [];
  client.request = (...args: Parameters<typeof request>) => {
    const bound = AsyncResource.bind(function (this: unknown, ...rest: number[]) {
      found = [this, ...rest];
    });
    bound.call(client, 1, 2);
    return request(...args);
  };
  openStream(client, headers).on("error", () => undefined);
  client.destroy();
  expect(found).toEqual([client, 1, 2]);
});

test("is there once, however many copies there are", async () => {
  const client = connect(running.url);
  openStream(client, headers).on("error", () => undefined);
  const before: unknown = Reflect.get(AsyncResource.prototype, "bind");
  jest.resetModules();
  const { openStream: another } = await import("../src/open-stream.ts");
  expect(another).not.toBe(openStream);
  another(client, headers).on("error", () => undefined);
  client.destroy();
  expect(Reflect.get(AsyncResource.prototype, "bind")).toBe(before);
});

test("whoever else binds functions has what Node.js makes of it", () => {
  const storage = new AsyncLocalStorage<string>();
  function join(this: unknown, ...rest: string[]): string {
    return [storage.getStore(), String(this), ...rest].join(" ");
  }
  const bound = storage.run("there", () => AsyncResource.bind(join, "JOIN", "me"));
  expect(bound("and", "you")).toBe("there me and you");
  expect(() => {
    // @ts-expect-error must not compile: a text is no function
    AsyncResource.bind("no function");
  }).toThrow(/"fn" argument/u);
});

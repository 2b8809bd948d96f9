import { once } from "node:events";
import { connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import { Code } from "../src/index.ts";
import { type Child, startChild } from "./child.ts";
import { CodedDefinition, EchoDefinition } from "./echo.ts";
import { callAny, failureOf, gather, message, methods } from "./echo-server.ts";

// What ends a process can be seen from outside only.
let child: Child;

beforeAll(async () => {
  child = await startChild();
});

afterAll(async () => {
  await child[Symbol.asyncDispose]();
});

describe.each(methods)("%s", (method) => {
  test.each([
    ["throw an error", Code.INTERNAL],
    ["throw a text", Code.INTERNAL],
    ["throw nothing", Code.INTERNAL],
    ["throw a status", Code.NOT_FOUND],
    ["throw half a character", Code.NOT_FOUND],
    ["throw a long text", Code.NOT_FOUND],
  ])("a handler that is to %s ends its call, and nothing else", async (requestId, code) => {
    const error = await failureOf(callAny(child.client, method, {}, message(requestId)));
    expect(error.code).toBe(code);
    await expectUnharmed();
  });

  test("handlers that throw at the same time each end their own call", async () => {
    const calls = ["throw an error", "throw nothing", "throw a text", "throw an error"].map((id) =>
      failureOf(callAny(child.client, method, {}, message(id))),
    );
    const texts = (await Promise.all(calls)).map(({ text }) => text);
    expect(new Set(texts).size).toBe(4);
    await expectUnharmed();
  });

  test.each(["AtOnce", "BadMapping"])("a handler of %s ends its call only", async (serviceName) => {
    const client = createClient(EchoDefinition, { channel: child.channel, serviceName });
    expect((await failureOf(callAny(client, method))).code).toBe(Code.INTERNAL);
    await expectUnharmed();
  });

  test("a handler that throws after its call was cancelled harms nobody", async () => {
    const controller = new AbortController();
    const call = failureOf(
      callAny(child.client, method, { signal: controller.signal }, message("throw when cancelled")),
    );
    const { produced } = await child.count();
    const started = async (): Promise<boolean> => (await child.count()).produced > produced;
    while (!(await started()));
    controller.abort();
    expect((await call).code).toBe(Code.CANCELLED);
    await expectUnharmed();
  });

  test("an answer that cannot be encoded ends its call only", async () => {
    const client = createClient(CodedDefinition, { channel: child.channel });
    const calls = {
      echo: () => client.echo({}),
      expand: () => gather(client.expand({})),
      collect: () => client.collect([{}]),
      chat: () => gather(client.chat([{}])),
    };
    expect((await failureOf(calls[method]())).code).toBe(Code.INTERNAL);
    await expectUnharmed();
  });

  test("a trailer that HTTP/2 forbids ends nothing", async () => {
    const request = message("set a trailer of HTTP/1");
    expect(await callAny(child.client, method, {}, request)).toEqual([`re: ${request.requestId}`]);
    await expectUnharmed();
  });
});

/** Fails unless the process still answers, and has complained of nothing. */
async function expectUnharmed(): Promise<void> {
  expect(await callAny(child.client, "echo")).toEqual(["re: request"]);
  expect(child.stderr()).toBe("");
}

test("the values of headers that grpc-js cannot keep are written nowhere", async () => {
  await using server = await startChild();
  const session = connect(`http://127.0.0.1:${server.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/org.kit.test.v1.EchoService/Echo",
    "content-type": "application/grpc",
    te: "trailers",
    authorization: "Bearer secret-\u00e9",
  });
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
  await once(stream.resume(), "close");
  session.destroy();
  expect(await callAny(server.client, "echo")).toEqual(["re: request"]);
  expect(server.stderr() + server.stdout()).not.toContain("secret");
});

import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { createClient, type Token } from "../src/client-index.ts";
import { Code } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  callAny,
  failureOf,
  gather,
  handlersOf,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";

/** A server that answers with the authorization that came. */
const startAuthorizationEcho = () =>
  startEcho(
    handlersOf(async function* (requests, call) {
      await gather(requests);
      yield message(call.metadata.get("authorization").join());
    }),
  );

describe.each(methods)("%s", (method) => {
  const tokens: [string, Token][] = [
    ["a text", "t-1"],
    ["a function", () => "t-1"],
    ["a function that takes its time", () => Promise.resolve("t-1\n")],
  ];

  test.each(tokens)("carries %s", async (_, token) => {
    await using echo = await startAuthorizationEcho();
    const client = createClient(EchoDefinition, { channel: echo.channel, token });
    expect(await callAny(client, method)).toEqual(["Bearer t-1"]);
    const metadata = new Metadata();
    metadata.set("x-other", "1");
    expect(await callAny(client, method, { metadata })).toEqual(["Bearer t-1"]);
    expect(metadata.get("authorization")).toEqual([]);
  });

  test("keeps an authorization that the call brings", async () => {
    await using echo = await startAuthorizationEcho();
    const client = createClient(EchoDefinition, { channel: echo.channel, token: "t-1" });
    const metadata = new Metadata();
    metadata.set("authorization", "Bearer own");
    expect(await callAny(client, method, { metadata })).toEqual(["Bearer own"]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("no token");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no token"))],
  ] satisfies [string, Token][])("fails where the function %s", async (_, token) => {
    await using echo = await startAuthorizationEcho();
    const client = createClient(EchoDefinition, { channel: echo.channel, token });
    const error = await failureOf(callAny(client, method));
    expect(error).toMatchObject({
      code: Code.UNAUTHENTICATED,
      text: "there is no token to call with",
      cause: new Error("no token"),
    });
  });
});

test("a text that is no token is refused without being shown", async () => {
  await using echo = await startAuthorizationEcho();
  for (const wrong of ["", "> banner\nsecret-token", "secret token", "secr\u00e9t"]) {
    const { channel } = echo;
    const make = () => createClient(EchoDefinition, { channel, token: wrong });
    expect(make).toThrow(/^the token is empty, or has characters that no token has$/);
    const client = createClient(EchoDefinition, { channel, token: () => wrong });
    expect(await failureOf(callAny(client, "expand"))).toMatchObject({
      code: Code.UNAUTHENTICATED,
      text: "the token is empty, or has characters that no token has",
    });
  }
});

test("a function is asked for each call", async () => {
  await using echo = await startAuthorizationEcho();
  let count = 0;
  const token = (): string => `t-${++count}`;
  const client = createClient(EchoDefinition, { channel: echo.channel, token });
  expect(await callAny(client, "echo")).toEqual(["Bearer t-1"]);
  expect(await callAny(client, "expand")).toEqual(["Bearer t-2"]);
});

test("a file is read again when it changes, and used while it is gone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "token-"));
  try {
    const file = join(folder, "token");
    await using echo = await startAuthorizationEcho();
    const client = createClient(EchoDefinition, { channel: echo.channel, token: { file } });
    expect(await failureOf(callAny(client, "echo"))).toMatchObject({
      code: Code.UNAUTHENTICATED,
      text: expect.stringContaining(file),
    });
    await writeFile(file, "t-1\n");
    expect(await callAny(client, "echo")).toEqual(["Bearer t-1"]);
    await rm(file);
    expect(await callAny(client, "echo")).toEqual(["Bearer t-1"]);
    await writeFile(`${file}.next`, "t-2");
    await rename(`${file}.next`, file);
    let seen: unknown;
    // Looked at once a second at the most.
    while (seen !== "Bearer t-2") [seen] = await callAny(client, "echo");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("leaving a stream whose token is still to come ends it without an error", async () => {
  await using echo = await startAuthorizationEcho();
  const { promise, resolve } = Promise.withResolvers<string>();
  const client = createClient(EchoDefinition, { channel: echo.channel, token: () => promise });
  const answers = client.expand(message("1"));
  const left = answers.return?.();
  resolve("t-1");
  expect(await left).toEqual({ done: true, value: undefined });
});

/** Do the programs of the benches still do their work? How fast they are is not tested. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { pythonEnvironment } from "../conformance/support/python-environment.ts";
import { grpcCalls } from "./support/calls.ts";
import { startChild } from "./support/child.ts";
import { clientNames, startClient } from "./support/clients.ts";
import { goalTable, replaceBetween } from "./support/document.ts";
import { type Generator, startGenerator } from "./support/generator.ts";
import { announced, peerNames, type RunningPeer, startPeer } from "./support/peers.ts";
import { formerCall, startPythonPeer } from "./support/python-peer.ts";
import { signToken, type Token } from "./support/token.ts";
import { kinds } from "./support/work.ts";
import { startWorkers } from "./workers.ts";

// A laptop may do without Python, and sees that this was skipped; what CI has to run may not.
const python = await pythonEnvironment();
const describeWithPython =
  "missing" in python && process.env["CI"] !== "true" ? describe.skip : describe;

let token: Token;
let generator: Generator;

beforeAll(async () => {
  token = await signToken();
  generator = startGenerator();
});

afterAll(async () => {
  await generator[Symbol.asyncDispose]();
  await token[Symbol.asyncDispose]();
});

describe.each(peerNames)("the server of %s", (name) => {
  let peer: RunningPeer;
  beforeAll(async () => {
    peer = await startPeer(name, token);
  });
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  test.each(kinds)("answers byte for byte what it has to: %s", async (kind) => {
    const work = { call: peer.callOf(kind), connections: 1, inFlight: 1, forMs: 1 };
    // It throws where an answer is another one.
    const { calls } = await generator.run(peer, work);
    expect(calls).toBeGreaterThan(0);
  });
});

test("the generator tells answers that are not what they have to be", async () => {
  await using peer = await startPeer("grpc-js", token);
  const call = peer.callOf("unary");
  const expected = Buffer.from(call.expected);
  expected.writeUInt8(expected.readUInt8(10) ^ 1, 10);
  const work = { connections: 1, inFlight: 1, forMs: 1 };
  await expect(generator.run(peer, { ...work, call: { ...call, expected } })).rejects.toThrow(
    /0 right answers, and 1 × another answer than expected/,
  );
  const unknown = { ...call, path: "/org.product.v1.ProductService/Nothing" };
  await expect(generator.run(peer, { ...work, call: unknown })).rejects.toThrow(/1 × status 12/);
});

test.each(["unary", "serverStream"] as const)(
  "ours keeps its answers encoded: %s",
  async (kind) => {
    await using peer = await startPeer("ours", token, { isEncoded: true });
    // The second call gets what the first one has left there.
    const work = { call: peer.callOf(kind), connections: 2, inFlight: 2, forMs: 1 };
    const { calls } = await generator.run(peer, work);
    expect(calls).toBeGreaterThan(0);
  },
);

test("ours asks its callers for a token", async () => {
  await using peer = await startPeer("ours", token);
  const call = { ...peer.callOf("unary"), headers: [] };
  const work = { call, connections: 1, inFlight: 1, forMs: 1 };
  await expect(generator.run(peer, work)).rejects.toThrow(/1 × status 16/);
});

test("the client of ours calls ours with its token", async () => {
  await using server = await startPeer("ours", token);
  await using client = await startClient("ours", server.port, { token: token.token });
  const { perSecond } = await client.run({ inFlight: 2, forMs: 1 });
  expect(perSecond).toBeGreaterThan(0);
});

test.each(["1", "2"])("a service answers with WORKERS=%s", async (count) => {
  await using server = await startWorkers(count);
  const { port } = await server.next(announced);
  const call = grpcCalls.unary;
  const work = { call, connections: 2, inFlight: 2, forMs: 1 };
  const { calls } = await generator.run({ port, protocol: "grpc" }, work);
  expect(calls).toBeGreaterThan(0);
});

test.each(clientNames)("the client of %s gets its answers", async (name) => {
  await using server = startChild("load", join(import.meta.dirname, "support/constant-server.ts"));
  const { port } = await server.next(announced);
  await using client = await startClient(name, port);
  const { perSecond } = await client.run({ inFlight: 2, forMs: 1 });
  expect(perSecond).toBeGreaterThan(0);
});

describeWithPython("the Python server", () => {
  test("answers byte for byte what it has to", async () => {
    if (!("python" in python)) throw new Error(python.missing);
    await using peer = await startPythonPeer(python.python);
    const work = { call: formerCall, connections: 1, inFlight: 1, forMs: 1 };
    const { calls } = await generator.run(peer, work);
    expect(calls).toBeGreaterThan(0);
  });
});

test("the document gets new figures between its marks", () => {
  const text = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n";
  const expected = "a\n<!-- x -->\n\nnew\n\n<!-- end of x -->\nb\n";
  expect(replaceBetween(text, "x", "new")).toBe(expected);
  expect(replaceBetween(expected, "x", "new")).toBe(expected);
  expect(() => replaceBetween(text, "y", "new")).toThrow(/no marks for y/);
});

test("a goal that is not reached says by how much", () => {
  const goal = { what: "speed", target: "≥ 2 ×", measured: "1.50 ×", missing: "0.50 ×" };
  const known = { ...goal, byProcessorTime: "1.70 ×" };
  expect(goalTable([known, { ...known, what: "more", missing: undefined }])).toBe(
    [
      "1 of 2 are reached.",
      "",
      "| goal |  | measured | by processor time | reached |",
      "| --- | --- | --- | --- | --- |",
      "| speed | ≥ 2 × | 1.50 × | 1.70 × | **no**, by 0.50 × |",
      "| more | ≥ 2 × | 1.50 × | 1.70 × | yes |",
    ].join("\n"),
  );
});

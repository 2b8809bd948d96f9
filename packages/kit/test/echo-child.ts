/**
 * A server in a process of its own, which `child.ts` starts. It sends its port, and answers each
 * message with what it has counted.
 */
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { type CallContext, Code, implement, RpcError, serve } from "../src/index.ts";
import { CodedDefinition, EchoDefinition } from "./echo.ts";
import { abortion, handlersOf, message } from "./echo-server.ts";

const options = z
  .object({ graceMs: z.number().default(5_000) })
  .parse(JSON.parse(process.argv[2] ?? "{}"));

const counts = { produced: 0, received: 0 };

/** The contexts of all calls, as long as something else holds them. */
const contexts: WeakRef<CallContext>[] = [];

/** By a request's id: what the handler throws. */
const thrown = new Map<string, unknown>([
  ["throw an error", new Error("secret")],
  ["throw a text", "secret"],
  ["throw nothing", undefined],
  ["throw a status", new RpcError(Code.NOT_FOUND, "not here")],
  ["throw half a character", new RpcError(Code.NOT_FOUND, "half: \ud800")],
  ["throw a long text", new RpcError(Code.NOT_FOUND, "long ".repeat(50_000))],
]);

const echo = implement(
  EchoDefinition,
  handlersOf(async function* (requests, call) {
    contexts.push(new WeakRef(call));
    const { signal, trailer } = call;
    for await (const { requestId, servingData } of requests) {
      counts.received += 1;
      if (thrown.has(requestId)) throw thrown.get(requestId);
      if (requestId === "set a trailer of HTTP/1") trailer.set("connection", "close");
      if (requestId === "throw when cancelled") {
        counts.produced += 1;
        await abortion(signal);
        throw new Error("too late");
      }
      // It waits for nobody but the client.
      if (requestId === "endless") {
        for (let id = 1; ; id += 1) {
          counts.produced += 1;
          yield message(String(id), servingData);
        }
      }
      if (requestId === "slow") {
        while (!signal.aborted) {
          yield message("slow");
          await setTimeout(1);
        }
      }
      if (requestId === "never read on") await abortion(signal);
      yield message(`re: ${requestId}`);
    }
  }),
);

const throwAtOnce = (): never => {
  throw new Error("secret");
};
const atOnce = implement(
  { ...EchoDefinition, fullName: "AtOnce" },
  { echo: throwAtOnce, expand: throwAtOnce, collect: throwAtOnce, chat: throwAtOnce },
);

const badMapping = implement(
  { ...EchoDefinition, fullName: "BadMapping" },
  { echo: throwAtOnce, expand: throwAtOnce, collect: throwAtOnce, chat: throwAtOnce },
  { toRpcError: throwAtOnce },
);

const wrong = { code: "seven", message: "", details: [] };
const unencodable = implement(CodedDefinition, {
  // @ts-expect-error must not compile: a text is no number
  echo: () => wrong,
  // @ts-expect-error must not compile: a text is no number
  async *expand() {
    yield wrong;
  },
  // @ts-expect-error must not compile: a text is no number
  collect: async () => wrong,
  // @ts-expect-error must not compile: a text is no number
  async *chat() {
    yield wrong;
  },
});

const server = await serve({
  services: [echo, atOnce, badMapping, unencodable],
  graceMs: options.graceMs,
});
process.on("message", (collect) => {
  if (collect === true) globalThis.gc?.();
  const held = contexts.filter((context) => context.deref() !== undefined).length;
  process.send?.({ ...counts, held, rss: process.memoryUsage.rss() });
});
// It must end once the server has, although its parent could still ask.
process.channel?.unref();
process.send?.(server.port);

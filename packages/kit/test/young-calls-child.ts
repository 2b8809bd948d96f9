/**
 * A server and its client in one process, run as programs are, that make calls of one kind and send how many bytes
 * each has left behind for the collector's slow half. It needs `--expose-gc`.
 */
import { getHeapSpaceStatistics } from "node:v8";
import { implement, runMain, serve } from "../src/index.ts";
import { createClient } from "../src/client-index.ts";
import { createChannel } from "./create-channel.ts";
import { EchoDefinition } from "./echo.ts";
import { callAny, handlersOf, message, methods } from "./echo-server.ts";

/** How many calls there are at a time: from a hundred on, V8 would take what each of them makes for long-lived. */
const inFlight = 150;
const rounds = 100;

const [name = ""] = process.argv.slice(2);
const method = methods.find((each) => each === name) ?? "echo";

/** How much V8 has among what is old, in bytes. */
function oldBytes(): number {
  const spaces = getHeapSpaceStatistics();
  const old = spaces.filter(({ space_name: space }) => !space.startsWith("new_"));
  return old.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
}

await runMain(async () => {
  const echo = implement(
    EchoDefinition,
    handlersOf(async function* (requests) {
      for await (const { requestId } of requests) yield message(requestId);
    }),
  );
  const server = await serve({ services: [echo] });
  const channel = createChannel({ target: `127.0.0.1:${server.port}` });
  const client = createClient(EchoDefinition, { channel });
  let round = 0;
  let left = 0;
  /** Makes calls for some rounds; each call is followed by the next, so that they overlap everywhere. */
  const run = async (until: number, each: () => void): Promise<void> => {
    let calls = 0;
    const caller = async (): Promise<void> => {
      while (round < until) {
        await callAny(client, method, {}, message("hi"));
        calls += 1;
        if (calls % inFlight > 0) continue;
        round += 1;
        each();
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
  };
  await run(rounds, () => undefined);
  // What is under way now becomes old.
  globalThis.gc?.();
  let before = oldBytes();
  await run(2 * rounds, () => {
    const after = oldBytes();
    left += Math.max(0, after - before);
    before = after;
  });
  process.send?.(left / (rounds * inFlight));
  channel.close();
  await server.close();
});

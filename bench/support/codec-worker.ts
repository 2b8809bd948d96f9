/** One way to do what codec.ts compares: as many messages as it is told, and how long they took. */
import { prepare } from "./codec-ways.ts";

const [messageName = "", task = "", way = ""] = process.argv.slice(2);
const act = prepare(messageName, task === "encode" ? "encode" : "decode", way);

/** What is on its way at a time, and cannot be collected. */
const inFlight: unknown[] = Array.from({ length: 64 }, () => undefined);

process.on("message", (count: number) => {
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) inFlight[index & 63] = act();
  const { user, system } = process.cpuUsage(before);
  process.send?.((user + system) * 1000);
});

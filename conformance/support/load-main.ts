/** The process of load-process.ts: prints a line after the first answer, and what it found once its input ends. */
import { once } from "node:events";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { createChannel, createClient } from "@org/kit/client";
import { userReading } from "./counting-server.ts";
import { failuresIn, startLoad, summaryOf } from "./steady-load.ts";

const [target = "", perSecond = "1"] = process.argv.slice(2);
const channel = createChannel({ target, services: [UserServiceDefinition] });
const client = createClient(userReading, { channel });
await client.getUser({ userId: "u" });
console.log("answered");
const load = startLoad(Number(perSecond), () => client.getUser({ userId: "u" }));
await once(process.stdin.resume(), "end");
const outcomes = await load.stop();
console.log(JSON.stringify({ calls: outcomes.length, failures: summaryOf(failuresIn(outcomes)) }));
channel.close();

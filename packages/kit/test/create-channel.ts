import type { Channel } from "@grpc/grpc-js";
import { type ChannelSettings, createChannel as create } from "../src/client-index.ts";

/**
 * Opens a channel as its users do, whose calls are made by whoever the run of the tests is about: the suites of
 * clients run once for each (`jest.config.js`).
 */
export function createChannel(settings: ChannelSettings): Channel {
  const calls = Reflect.get(globalThis, "callsOf") === "grpc-js" ? "grpc-js" : "http2";
  return create({ calls, ...settings });
}

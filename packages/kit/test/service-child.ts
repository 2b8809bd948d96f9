/**
 * A service's program, which `service-process.ts` runs: alone, or with workers. It answers each request with the PID of
 * the process that it has reached.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import {
  createLogger,
  implement,
  portVariable,
  readServerConfig,
  runService,
  serve,
  type ServerConfig,
  serverEnvironment,
} from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import { handlersOf, message } from "./echo-server.ts";

/** What an operator can do something about. */
class BrokenError extends Error {}

interface Config extends ServerConfig {
  readonly GRPC_PORT: number;
  /** A file that says how the next start goes. */
  readonly START_FILE: string;
  readonly STOP_TIMEOUT_MS: number;
}

const schema: z.ZodType<Config> = z.object({
  ...serverEnvironment,
  GRPC_PORT: portVariable(0),
  START_FILE: z.string(),
  STOP_TIMEOUT_MS: z.coerce.number(),
});

const echo = implement(
  EchoDefinition,
  handlersOf(async function* (requests) {
    for await (const _ of requests) yield message(String(process.pid));
  }),
);

await runService({
  name: "test",
  readConfig: () => readServerConfig(schema, process.env),
  async start(config) {
    const how = readFileSync(config.START_FILE, "utf8");
    if (how === "broken") throw new BrokenError("what the service needs is broken");
    if (how === "defect") throw new Error("a defect");
    if (how === "never") {
      createLogger({ name: "test" }).info("waiting for ever");
      await Promise.withResolvers<never>().promise;
    }
    return await serve({ config, services: [echo] });
  },
  operatorErrors: [BrokenError],
  ...(process.env["LOADS_TRACING"] !== "false" && {
    loadTracing: () => import("../src/tracing-index.ts"),
  }),
  stopTimeoutMs: Number(process.env["STOP_TIMEOUT_MS"]),
});

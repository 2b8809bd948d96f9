/** Where the traces of the benches go: somebody has to take them. */
import { once } from "node:events";
import { createServer } from "node:http";
import { listeningPort } from "./listening-port.ts";

/** A `traceparent` of which everything is recorded. */
export const sampledTrace = "00-11111111111111111111111111111111-2222222222222222-01";

let environment: Promise<Readonly<Record<string, string>>> | undefined;

/** What the environment of a process says whose calls are traced. */
export function tracedEnvironment(): Promise<Readonly<Record<string, string>>> {
  environment ??= startSink().then((endpoint) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }));
  return environment;
}

/** Starts what takes traces, for as long as this process runs. */
async function startSink(): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().once("end", () => response.writeHead(200).end());
  }).listen(0, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  return `http://127.0.0.1:${listeningPort(server)}`;
}

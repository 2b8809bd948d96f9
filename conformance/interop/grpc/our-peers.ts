import { compressionAlgorithms } from "@grpc/grpc-js";
import { createLogger, type RunningServer, serve, type ServerTls } from "@org/kit";
import { type ClientTls, createChannel, createClient } from "@org/kit/client";
import type { Clients } from "./client-cases.ts";
import { testService } from "./test-service.ts";
import type { TestingContract } from "./testing-contract.ts";

/** Our server of the interop tests. */
export interface OurServer extends AsyncDisposable {
  readonly port: number;
  /** What it has logged as an error. */
  readonly errors: readonly string[];
}

/** Starts it on a free port of 127.0.0.1. */
export async function startOurServer(
  contract: TestingContract,
  tls: ServerTls | undefined,
): Promise<OurServer> {
  const errors: string[] = [];
  const destination = { write: (line: string) => void errors.push(line) };
  const server: RunningServer = await serve({
    services: [testService(contract)],
    logger: createLogger({ name: "interop", level: "error", destination }),
    // The case very_large_request sends 10 MiB, and something around it.
    maxReceiveMessageBytes: 16 * 1024 * 1024,
    signals: false,
    graceMs: 0,
    ...(tls && { tls }),
  });
  return { port: server.port, errors, [Symbol.asyncDispose]: () => server.close() };
}

/** Our clients of a server, which has both services or says that it has not. */
export function openClients(
  contract: TestingContract,
  port: number,
  { tls, compress = false }: { readonly tls?: ClientTls | undefined; readonly compress?: boolean },
): Clients & Disposable {
  const channel = createChannel({
    target: `127.0.0.1:${port}`,
    ...(tls && { tls }),
    ...(compress && {
      channelOptions: { "grpc.default_compression_algorithm": compressionAlgorithms.gzip },
    }),
  });
  return {
    testing: createClient(contract.TestServiceDefinition, { channel }),
    unimplemented: createClient(contract.UnimplementedServiceDefinition, { channel }),
    [Symbol.dispose]: () => {
      channel.close();
    },
  };
}

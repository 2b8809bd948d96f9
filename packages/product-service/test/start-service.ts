import type { Channel } from "@grpc/grpc-js";
import { ProductServiceDefinition } from "@org/contracts/product/v1";
import type { DatabaseConfig } from "@org/database";
import type { RunningServer } from "@org/kit";
import { type Client, createChannel, createClient } from "@org/kit/client";
import { readConfig, startApp } from "../src/app.ts";

/** The service on a free port, and a client that is connected to it. */
export interface TestService extends AsyncDisposable {
  readonly server: RunningServer;
  readonly channel: Channel;
  readonly products: Client<typeof ProductServiceDefinition>;
}

/** Starts the service as its main does, on a database of the test's. */
export async function startService(
  database: DatabaseConfig,
  environment: NodeJS.ProcessEnv = {},
): Promise<TestService> {
  const server = await startApp(
    { ...readConfig({ GRPC_PORT: "0", LOG_LEVEL: "silent", ...environment }), ...database },
    { signals: false },
  );
  const channel = createChannel({ target: server.target, services: [ProductServiceDefinition] });
  return {
    server,
    channel,
    products: createClient(ProductServiceDefinition, { channel }),
    async [Symbol.asyncDispose]() {
      channel.close();
      await server.close();
    },
  };
}

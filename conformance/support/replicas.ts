import type { Channel } from "@grpc/grpc-js";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { freePort, type PostgresServer, startPostgres } from "@org/database/testing";
import { type ChannelSettings, type Client, createChannel, createClient } from "@org/kit/client";
import { type ServiceProcess, startService } from "./service-process.ts";

/** Replicas of user-service, each in a process of its own, on one PostgreSQL. */
export interface Replicas extends AsyncDisposable {
  readonly postgres: PostgresServer;
  /** The URL of their database. */
  readonly database: string;
  readonly ports: readonly number[];
  /** The list of their addresses. */
  readonly target: string;
  /** The process of the replica of that number, as it was started last. */
  process(index: number): ServiceProcess;
  /** Starts a replica that has ended again, on the same port. */
  restart(index: number): Promise<void>;
  /** A client of all of them. */
  connect(settings?: Partial<ChannelSettings>): UserClient;
}

/** A client, and the channel to close. */
export interface UserClient extends Disposable {
  readonly channel: Channel;
  readonly users: Client<typeof UserServiceDefinition>;
}

/** Starts that many replicas, on ports of 127.0.0.1. */
export async function startReplicas(
  count: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Replicas> {
  const postgres = await startPostgres();
  const database = await postgres.createDatabase();
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()));
  const start = (port: number | undefined): Promise<ServiceProcess> =>
    startService({
      name: "user-service",
      dataDir: "unused",
      env: { DATABASE_URL: database, GRPC_PORT: String(port), ...env },
    });
  const processes = await Promise.all(ports.map(start));
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(",")}`;
  const processAt = (index: number): ServiceProcess => {
    const found = processes[index];
    if (found === undefined) throw new RangeError(`there is no replica ${index}`);
    return found;
  };
  return {
    postgres,
    database,
    ports,
    target,
    process: processAt,
    async restart(index) {
      processes[index] = await start(ports[index]);
    },
    connect(settings) {
      const channel = createChannel({ target, services: [UserServiceDefinition], ...settings });
      return {
        channel,
        users: createClient(UserServiceDefinition, { channel }),
        [Symbol.dispose]: () => {
          channel.close();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map((each) => each[Symbol.asyncDispose]()));
      await postgres[Symbol.asyncDispose]();
    },
  };
}

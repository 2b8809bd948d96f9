import { portVariable, readServerConfig, type ServerConfig, serverEnvironment } from "@org/kit";
import { z } from "zod";

/** The configuration of order-service, by the variables of the environment that it reads. */
export interface Config extends ServerConfig {
  /** The port to listen on; 50053 by default. */
  readonly GRPC_PORT: number;
  /** Where product-service is. */
  readonly PRODUCTS_TARGET: string;
  /** Where user-service is. */
  readonly USERS_TARGET: string;
}

const schema: z.ZodType<Config> = z.object({
  ...serverEnvironment,
  GRPC_PORT: portVariable(50_053),
  PRODUCTS_TARGET: z.string().default("127.0.0.1:50051"),
  USERS_TARGET: z.string().default("127.0.0.1:50052"),
});

/** Reads the configuration. Throws an EnvironmentError that names each variable which is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  return readServerConfig(schema, environment);
}

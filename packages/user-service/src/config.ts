import { type DatabaseConfig, databaseEnvironment, refuseUnfitEmbedded } from "@org/database";
import { portVariable, readServerConfig, type ServerConfig, serverEnvironment } from "@org/kit";
import { z } from "zod";

/** The configuration of user-service, by the variables of the environment that it reads. */
export interface Config extends ServerConfig, DatabaseConfig {
  /** The port to listen on; 50052 by default. */
  readonly GRPC_PORT: number;
}

const schema: z.ZodType<Config> = z
  .object({ ...serverEnvironment, ...databaseEnvironment, GRPC_PORT: portVariable(50_052) })
  .superRefine(refuseUnfitEmbedded);

/** Reads the configuration. Throws an EnvironmentError that names each variable which is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  return readServerConfig(schema, environment);
}

import { type DatabaseConfig, databaseEnvironment, refuseUnfitEmbedded } from "@org/database";
import { portVariable, readServerConfig, type ServerConfig, serverEnvironment } from "@org/kit";
import { z } from "zod";

/** The configuration of product-service, by the variables of the environment that it reads. */
export interface Config extends ServerConfig, DatabaseConfig {
  /** The port to listen on; 50051 by default. */
  readonly GRPC_PORT: number;
  /** How long answers of GetProduct are kept, in milliseconds; 0: not at all. */
  readonly PRODUCT_CACHE_MS: number;
}

const error = "must be a whole number of milliseconds, from 0 to 3,600,000";
const cacheMs = z.coerce
  .number({ error })
  .int({ error })
  .min(0, { error })
  .max(3_600_000, { error })
  .default(1_000);

const schema: z.ZodType<Config> = z
  .object({
    ...serverEnvironment,
    ...databaseEnvironment,
    GRPC_PORT: portVariable(50_051),
    PRODUCT_CACHE_MS: cacheMs,
  })
  .superRefine(refuseUnfitEmbedded);

/** Reads the configuration. Throws an EnvironmentError that names each variable which is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  return readServerConfig(schema, environment);
}

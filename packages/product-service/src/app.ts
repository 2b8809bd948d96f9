import { descriptorSet } from "@org/contracts/descriptor";
import { openDatabase } from "@org/database";
import { createLogger, followCalls, type RunningServer, serve } from "@org/kit";
import type { Config } from "./config.ts";
import { Catalog } from "./domain/catalog.ts";
import { productHandlers } from "./handlers/product-handlers.ts";
import { migrations } from "./store/migrations.ts";
import { SqlProductStore } from "./store/sql-product-store.ts";

/** The service's name: in its log, and of its database. */
export const name = "product-service";

export { type Config, readConfig } from "./config.ts";

/** How the service runs besides its configuration. */
export interface AppOptions {
  /** Whether SIGTERM and SIGINT shut it down; true by default. */
  readonly signals?: boolean;
}

/** Puts product-service together and starts it. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningServer> {
  const logger = createLogger({ name, level: config.LOG_LEVEL });
  const database = await openDatabase({ name, config, migrations, currentCall: followCalls() });
  const catalog = new Catalog(new SqlProductStore(database));
  try {
    return await serve({
      config,
      services: [productHandlers(catalog, { cacheMs: config.PRODUCT_CACHE_MS })],
      descriptorSets: [descriptorSet],
      logger,
      onClosed: () => database.close(),
      ...options,
    });
  } catch (error) {
    await database.close();
    throw error;
  }
}

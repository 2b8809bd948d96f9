import { descriptorSet } from "@org/contracts/descriptor";
import { openDatabase } from "@org/database";
import { createLogger, followCalls, type RunningServer, serve } from "@org/kit";
import { v7 as newId } from "uuid";
import type { Config } from "./config.ts";
import { Directory } from "./domain/directory.ts";
import { createPageTokens } from "./handlers/page-token.ts";
import { userHandlers } from "./handlers/user-handlers.ts";
import { migrations } from "./store/migrations.ts";
import { SqlUserStore } from "./store/sql-user-store.ts";

/** The service's name: in its log, and of its database. */
export const name = "user-service";

export { type Config, readConfig } from "./config.ts";

/** How the service runs besides its configuration. */
export interface AppOptions {
  /** Whether SIGTERM and SIGINT shut it down; true by default. */
  readonly signals?: boolean;
}

/** Puts user-service together and starts it. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningServer> {
  const logger = createLogger({ name, level: config.LOG_LEVEL });
  const database = await openDatabase({ name, config, migrations, currentCall: followCalls() });
  try {
    const store = new SqlUserStore(database);
    const directory = new Directory({ store, newId });
    const pageTokens = createPageTokens(await store.pageTokenKey());
    return await serve({
      config,
      services: [userHandlers({ directory, pageTokens })],
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

import { connect } from "@org/client";
import { clientTlsOf, createLogger, type RunningServer, serve } from "@org/kit";
import type { Config } from "./config.ts";
import { Checkout } from "./domain/checkout.ts";
import { orderHandlers } from "./handlers/order-handlers.ts";
import { orgCatalog } from "./upstream/org-catalog.ts";

/** The service's name, in its log. */
export const name = "order-service";

/** Puts order-service together and starts it. */
export async function startApp(config: Config): Promise<RunningServer> {
  const logger = createLogger({ name, level: config.LOG_LEVEL });
  const tls = clientTlsOf(config);
  const clients = connect({
    products: config.PRODUCTS_TARGET,
    users: config.USERS_TARGET,
    logger,
    ...(tls && { tls }),
  });
  const checkout = new Checkout(orgCatalog(clients));
  return serve({
    config,
    services: [orderHandlers(checkout)],
    logger,
    onClosed: () => {
      clients.close();
    },
  });
}

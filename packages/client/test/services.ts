import * as productService from "@org/product-service";
import * as userService from "@org/user-service";

/** A service that runs in the test's own process. */
export interface RunningService {
  readonly target: string;
  close(): Promise<void>;
}

const environment = { DATA_DIR: "memory://", GRPC_PORT: "0", LOG_LEVEL: "silent" };

/** Starts product-service on a free port, with a database of its own in memory. */
export function startProductService(): Promise<RunningService> {
  return productService.startApp(productService.readConfig(environment), { signals: false });
}

/** Starts user-service on a free port, with a database of its own in memory. */
export function startUserService(): Promise<RunningService> {
  return userService.startApp(userService.readConfig(environment), { signals: false });
}

import { preparedDataDir } from "@org/database/testing";
import * as productService from "@org/product-service";
import * as userService from "@org/user-service";

/** A service that runs in the test's own process. */
export interface RunningService {
  readonly target: string;
  close(): Promise<void>;
}

const environment = { GRPC_PORT: "0", LOG_LEVEL: "silent" };

/** Starts product-service on a free port, with a database of its own. */
export async function startProductService(): Promise<RunningService> {
  const DATA_DIR = await preparedDataDir("product-service");
  const config = productService.readConfig({ ...environment, DATA_DIR });
  return productService.startApp(config, { signals: false });
}

/** Starts user-service on a free port, with a database of its own. */
export async function startUserService(): Promise<RunningService> {
  const DATA_DIR = await preparedDataDir("user-service");
  const config = userService.readConfig({ ...environment, DATA_DIR });
  return userService.startApp(config, { signals: false });
}

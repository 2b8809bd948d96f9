import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import {
  type ChannelSettings,
  type Client,
  type ClientOptions,
  createChannel,
  createClient,
} from "@org/kit/client";

/** Where the services are in development. */
export const defaultTargets: Readonly<Record<keyof Services, string>> = {
  products: "127.0.0.1:50051",
  users: "127.0.0.1:50052",
};

/** The clients, by what they are about. */
export interface Services {
  readonly products: Client<ProductServiceDefinition>;
  readonly users: Client<UserServiceDefinition>;
}

/** The clients and the connections they share. */
export interface Clients extends Services {
  /** Closes the connections. Calls that are still under way end with CANCELLED or UNAVAILABLE. */
  readonly close: () => void;
}

/** Where the services are, and what holds for the calls to both. */
export interface ConnectOptions
  extends Omit<ChannelSettings, "target" | "services">,
    Pick<ClientOptions, "timeoutMs" | "token"> {
  /** Where product-service is; `127.0.0.1:50051` by default. */
  readonly products?: string;
  /** Where user-service is; `127.0.0.1:50052` by default. */
  readonly users?: string;
}

/**
 * Makes typed clients for all services. No connection is opened before the first call, and a service
 * that is never called is never connected to.
 */
export function connect(options: ConnectOptions = {}): Clients {
  const {
    products: productsTarget = defaultTargets.products,
    users: usersTarget = defaultTargets.users,
    timeoutMs,
    token,
    ...settings
  } = options;
  const productsChannel = createChannel({
    ...settings,
    target: productsTarget,
    services: [ProductServiceDefinition],
  });
  const usersChannel = createChannel({
    ...settings,
    target: usersTarget,
    services: [UserServiceDefinition],
  });
  const shared = {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(token !== undefined && { token }),
  };
  return {
    products: createClient(ProductServiceDefinition, { channel: productsChannel, ...shared }),
    users: createClient(UserServiceDefinition, { channel: usersChannel, ...shared }),
    close: () => {
      productsChannel.close();
      usersChannel.close();
    },
  };
}

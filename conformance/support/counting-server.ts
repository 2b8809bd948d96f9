import { type GetUserRequest, User, UserServiceDefinition } from "@org/contracts/user/v1";
import {
  type CallContext,
  createLogger,
  type Handlers,
  implement,
  type RunningServer,
  serve,
  type ServeOptions,
} from "@org/kit";

const { getUser } = UserServiceDefinition.methods;

/** UserService with GetUser only: an idempotent method, which the contract has retried. */
export const userReading: UserReading = { ...UserServiceDefinition, methods: { getUser } };

type UserReading = Omit<UserServiceDefinition, "methods"> & {
  readonly methods: Pick<UserServiceDefinition["methods"], "getUser">;
};

type GetUser = Handlers<typeof userReading>["getUser"];

/** A server that counts the calls it gets. */
export interface CountingServer extends AsyncDisposable {
  readonly server: RunningServer;
  /** How many calls have reached the handler. */
  readonly calls: number;
  /** Where they came from: an address and port for each connection. */
  readonly peers: ReadonlySet<string>;
  /** What it has logged, in JSON. */
  readonly log: readonly string[];
}

/** Starts a server whose GetUser answers at once with the id that it was asked for, or as it is told. */
export async function startCountingServer(
  answer: GetUser = ({ userId }: GetUserRequest) => User.fromPartial({ id: userId }),
  options: Partial<ServeOptions> = {},
): Promise<CountingServer> {
  let calls = 0;
  const peers = new Set<string>();
  const log: string[] = [];
  const service = implement(userReading, {
    getUser(request: GetUserRequest, call: CallContext<"USER_NOT_FOUND">) {
      calls += 1;
      peers.add(call.peer);
      return answer(request, call);
    },
  });
  const server = await serve({
    services: [service],
    logger: createLogger({ name: "test", destination: { write: (line) => void log.push(line) } }),
    signals: false,
    graceMs: 0,
    ...options,
  });
  return {
    server,
    get calls() {
      return calls;
    },
    peers,
    log,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

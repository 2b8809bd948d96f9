import {
  type CreateUserRequest,
  type ListUsersRequest,
  type User as WireUser,
  UserServiceDefinition,
} from "@org/contracts/user/v1";
import { type CallContext, implement, type Requests, RpcError, type Service } from "@org/kit";
import type { Directory } from "../domain/directory.ts";
import type { NewUser } from "../domain/user.ts";
import type { Order } from "../domain/user-store.ts";
import { fromRequest, fromWireOrder, toWire } from "./mapping.ts";
import type { PageTokens } from "./page-token.ts";
import { toRpcError } from "./to-rpc-error.ts";

const defaultPageSize = 10;

/** How many users one BulkCreateUsers can create: they are in memory until the last one has come. */
const maxBulk = 100_000;

/** What the handlers answer from. */
export interface UserHandlersOptions {
  readonly directory: Directory;
  readonly pageTokens: PageTokens;
}

/** Answers org.user.v1.UserService from a directory. */
export function userHandlers({ directory, pageTokens }: UserHandlersOptions): Service {
  return implement(
    UserServiceDefinition,
    {
      async getUser({ userId }) {
        return toWire(await directory.get(userId));
      },

      async createUser(request) {
        const [user] = await directory.create([fromRequest(request)]);
        if (user === undefined) throw new Error("the directory created no user");
        return toWire(user);
      },

      listUsers: (request, call) => listUsers(directory, pageTokens, request, call),

      async bulkCreateUsers(requests, call) {
        // A client on Node that gives up half-closes the stream before it resets it, so that for a
        // moment a part looks like the whole: the signal tells while there is time.
        const users = await directory.create(await readAll(requests, call), call.signal);
        return { createdCount: users.length, userIds: users.map(({ id }) => id) };
      },
    },
    { toRpcError },
  );
}

async function* listUsers(
  directory: Directory,
  pageTokens: PageTokens,
  request: ListUsersRequest,
  call: CallContext,
): AsyncGenerator<WireUser, void> {
  const { order, afterId, size } = pageOf(request, pageTokens);
  const { users, nextAfterId } = await directory.page(order, afterId, size, call.signal);
  if (nextAfterId !== undefined) {
    call.trailer.set("next-page-token", pageTokens.write(order, nextAfterId));
  }
  for (const user of users) yield toWire(user);
}

/** Which page a request asks for. Throws INVALID_ARGUMENT where its token is none of ours. */
function pageOf(
  { pageSize, pageToken, order: wireOrder }: ListUsersRequest,
  pageTokens: PageTokens,
): { order: Order; afterId: string | undefined; size: number } {
  const order = fromWireOrder(wireOrder);
  const afterId = pageToken === "" ? undefined : pageTokens.read(order, pageToken);
  if (pageToken !== "" && afterId === undefined) {
    const description = "must be a next-page-token of this service, for the same order";
    throw RpcError.invalidArgument([{ field: "page_token", description }]);
  }
  return { order, afterId, size: pageSize === 0 ? defaultPageSize : pageSize };
}

async function readAll(
  requests: Requests<CreateUserRequest>,
  call: CallContext<"TOO_MANY_USERS">,
): Promise<NewUser[]> {
  const users: NewUser[] = [];
  for await (const request of requests) {
    if (users.length === maxBulk) {
      throw call.error("TOO_MANY_USERS", `at most ${maxBulk} users can be created at once`);
    }
    users.push(fromRequest(request));
  }
  return users;
}

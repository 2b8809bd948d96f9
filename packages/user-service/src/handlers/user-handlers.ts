import {
  type CreateUserRequest,
  type ListUsersRequest,
  type User as WireUser,
  UserServiceDefinition,
} from "@org/contracts/user/v1";
import {
  type CallContext,
  Code,
  implement,
  type Requests,
  RpcError,
  type Service,
  type Violation,
} from "@org/kit";
import type { Directory } from "../domain/directory.ts";
import type { NewUser } from "../domain/user.ts";
import type { Order } from "../domain/user-store.ts";
import { fromRequest, fromWireOrder, toWire, violationsOf } from "./mapping.ts";
import type { PageTokens } from "./page-token.ts";
import { toRpcError } from "./to-rpc-error.ts";

const defaultPageSize = 10;
const maxPageSize = 1_000;

/** How many users one BulkCreateUsers can create: they are in memory until the last one has come. */
const maxBulk = 100_000;

/** How many violations of a BulkCreateUsers are gathered before it is refused without reading on. */
const maxViolations = 100;

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
        refuse(userId === "" ? [{ field: "user_id", description: "must not be empty" }] : []);
        return toWire(await directory.get(userId));
      },

      async createUser(request) {
        const newUser = fromRequest(request);
        refuse(violationsOf(newUser));
        const [user] = await directory.create([newUser]);
        if (user === undefined) throw new Error("the directory created no user");
        return toWire(user);
      },

      listUsers: (request, call) => listUsers(directory, pageTokens, request, call),

      async bulkCreateUsers(requests, call) {
        // A client on Node that gives up half-closes the stream before it resets it, so that for a
        // moment a part looks like the whole: the signal tells while there is time.
        const users = await directory.create(await readAll(requests), call.signal);
        return { createdCount: users.length, userIds: users.map(({ id }) => id) };
      },
    },
    { aliases: ["users.UserService"], toRpcError },
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

/** Which page a request asks for. Throws INVALID_ARGUMENT where it cannot be told. */
function pageOf(
  { pageSize, pageToken, order: wireOrder }: ListUsersRequest,
  pageTokens: PageTokens,
): { order: Order; afterId: string | undefined; size: number } {
  const violations: Violation[] = [];
  if (pageSize < 0 || pageSize > maxPageSize) {
    const description = `must be 1 to 1,000, or 0 for ${defaultPageSize}; is ${pageSize}`;
    violations.push({ field: "page_size", description });
  }
  const order = fromWireOrder(wireOrder);
  if (order === undefined) {
    violations.push({ field: "order", description: "must be one that the service knows" });
  }
  const afterId =
    pageToken === "" || order === undefined ? undefined : pageTokens.read(order, pageToken);
  if (pageToken !== "" && order !== undefined && afterId === undefined) {
    const description = "must be a next-page-token of this service, for the same order";
    violations.push({ field: "page_token", description });
  }
  if (violations.length > 0 || order === undefined) throw RpcError.invalidArgument(violations);
  return { order, afterId, size: pageSize === 0 ? defaultPageSize : pageSize };
}

/** All requests of a stream. Throws INVALID_ARGUMENT that names each one which is wrong. */
async function readAll(requests: Requests<CreateUserRequest>): Promise<NewUser[]> {
  const users: NewUser[] = [];
  const violations: Violation[] = [];
  let count = 0;
  for await (const request of requests) {
    if (count === maxBulk) {
      throw new RpcError(Code.OUT_OF_RANGE, `at most ${maxBulk} users can be created at once`);
    }
    const user = fromRequest(request);
    violations.push(...violationsOf(user, `requests[${count}].`));
    // None is kept once one is wrong: that one may be as large as a message can be.
    if (violations.length === 0) users.push(user);
    if (violations.length >= maxViolations) break;
    count += 1;
  }
  refuse(violations);
  return users;
}

function refuse(violations: readonly Violation[]): void {
  if (violations.length > 0) throw RpcError.invalidArgument(violations);
}

import {
  type CreateUserRequest,
  ListUsersRequest_Order as Order,
  type User,
} from "@org/contracts/user/v1";
import type { TestService } from "../start-service.ts";

let made = 0;

/** A text that no other test uses. */
export function unique(prefix: string): string {
  made += 1;
  return `${prefix}-${made}`;
}

/** A request for a user that is fine, except for what the test makes of it. */
export function newUser(changes: Partial<CreateUserRequest> = {}): CreateUserRequest {
  return { name: "Alice", email: "alice@example.com", age: 30, requestId: "", ...changes };
}

/** All messages of a stream. */
export async function gather<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream) all.push(each);
  return all;
}

/** One page of users. */
export interface Page {
  readonly users: readonly User[];
  /** The trailer `next-page-token`, as often as it was there. */
  readonly tokens: readonly string[];
}

export async function page(
  { users }: TestService,
  pageSize: number,
  pageToken = "",
  order: Order = Order.ORDER_UNSPECIFIED,
): Promise<Page> {
  let tokens: readonly string[] = [];
  const listed = await gather(
    users.listUsers(
      { pageSize, pageToken, order },
      { onTrailer: (trailer) => (tokens = trailer.get("next-page-token").map(String)) },
    ),
  );
  return { users: listed, tokens };
}

/** All pages, from the first to the one without a token. */
export async function pages(
  service: TestService,
  pageSize: number,
  order: Order = Order.ORDER_UNSPECIFIED,
): Promise<Page[]> {
  const all: Page[] = [];
  let next: string | undefined = "";
  while (next !== undefined) {
    const one: Page = await page(service, pageSize, next, order);
    all.push(one);
    next = one.tokens[0];
  }
  return all;
}

/** The names of all the users there are, the oldest first. */
export async function allNames(service: TestService): Promise<string[]> {
  return (await pages(service, 1_000)).flatMap(({ users }) => users).map(({ name }) => name);
}

import {
  ListUsersRequest_Order,
  type User,
  type UserServiceDefinition,
} from "@org/contracts/user/v1";
import {
  type CallOptions,
  type Client,
  Code,
  type MessageInput,
  type RequestOf,
  RpcError,
} from "@org/kit/client";

/** Which users to go through, and how. The call options hold for each page's call. */
export interface AllUsersOptions extends CallOptions {
  /** How many users one call brings: 1 to 1,000, which is the default. */
  readonly pageSize?: number;
  /** In which order; the oldest first by default. */
  readonly order?: ListUsersRequest_Order;
  /** The page to begin with; the first by default. */
  readonly pageToken?: string;
}

/** A page of users that is being read. */
export interface UserPage {
  /** The page's users, as they arrive. */
  readonly users: AsyncIterable<User>;
  /** The token of the page that follows, once this one has been read to its end; "" after the last. */
  readonly nextPageToken: () => string;
}

type ListUsersRequest = RequestOf<UserServiceDefinition["methods"]["listUsers"]>;

/**
 * Goes through all users, page by page. Those who are created meanwhile come last with the oldest
 * first, and not at all with the newest first; nobody comes twice.
 */
export async function* allUsers(
  users: Client<UserServiceDefinition>,
  options: AllUsersOptions = {},
): AsyncGenerator<User, void> {
  const {
    pageSize = 1000,
    order = ListUsersRequest_Order.ORDER_OLDEST_FIRST,
    pageToken: firstToken = "",
    ...callOptions
  } = options;
  let pageToken = firstToken;
  do {
    const page = userPage(users, { pageSize, order, pageToken }, callOptions);
    yield* page.users;
    if (pageToken !== "" && page.nextPageToken() === pageToken) {
      throw new RpcError(Code.INTERNAL, "the service names a page as the one that follows itself");
    }
    pageToken = page.nextPageToken();
  } while (pageToken !== "");
}

/** Asks for one page of users, and keeps the token that comes after the last of them. */
export function userPage(
  users: Client<UserServiceDefinition>,
  request: MessageInput<ListUsersRequest>,
  options: CallOptions = {},
): UserPage {
  let nextPageToken = "";
  const answers = users.listUsers(request, {
    ...options,
    onTrailer: (trailer) => {
      nextPageToken = String(trailer.get("next-page-token")[0] ?? "");
      options.onTrailer?.(trailer);
    },
  });
  return { users: answers, nextPageToken: () => nextPageToken };
}

import { DirectoryError } from "./directory-error.ts";
import { isSameContent, isUserId, type NewUser, type User } from "./user.ts";
import type { Creation, Order, UserStore } from "./user-store.ts";

/** One page of users. */
export interface Page {
  readonly users: readonly User[];
  /** Where the next page goes on; undefined where there is none. */
  readonly nextAfterId: string | undefined;
}

/** What the directory needs. */
export interface DirectoryOptions {
  readonly store: UserStore;
  /** Makes the id of a new user: a UUID, version 7. */
  readonly newId: () => string;
}

/** The users of the organisation's products: what can be asked of them, and done to them. */
export class Directory {
  readonly #store: UserStore;
  readonly #newId: () => string;

  constructor({ store, newId }: DirectoryOptions) {
    this.#store = store;
    this.#newId = newId;
  }

  /** The user with that id. Throws USER_NOT_FOUND. */
  async get(id: string): Promise<User> {
    const user = isUserId(id) ? await this.#store.find(id) : undefined;
    if (user === undefined) {
      throw new DirectoryError("USER_NOT_FOUND", `no user has the id ${JSON.stringify(id)}`);
    }
    return user;
  }

  /** Users in an order, after the one with that id. */
  async page(
    order: Order,
    afterId: string | undefined,
    size: number,
    signal: AbortSignal,
  ): Promise<Page> {
    // One more than asked for tells whether another page follows.
    const found = await this.#store.page(order, afterId, size + 1, signal);
    const users = found.slice(0, size);
    return { users, nextAfterId: found.length > size ? users.at(-1)?.id : undefined };
  }

  /**
   * Creates valid users, all or none, and answers with them in their order. One whose request id was
   * used before, with the same content, is the user that was created then. Throws REQUEST_ID_REUSED.
   * None are created where the signal is aborted meanwhile.
   */
  async create(newUsers: readonly NewUser[], signal?: AbortSignal): Promise<User[]> {
    const createdAt = new Date();
    const byRequestId = new Map<string, Creation>();
    const all = newUsers.map(({ requestId, ...content }): Creation => {
      const user = { id: this.#newId(), ...content, createdAt };
      if (requestId === "") return { user, requestId: undefined };
      const first = byRequestId.get(requestId);
      if (first !== undefined && !isSameContent(first.user, user)) throw reused(requestId);
      const creation = first ?? { user, requestId };
      byRequestId.set(requestId, creation);
      return creation;
    });
    const distinct = [...new Set(all)];
    const created = await this.#store.create(distinct, signal);
    if ("reusedRequestId" in created) throw reused(created.reusedRequestId);
    const users = new Map(distinct.map((creation, index) => [creation, created[index]]));
    return all.map((creation) => users.get(creation) ?? creation.user);
  }
}

function reused(requestId: string): DirectoryError {
  return new DirectoryError(
    "REQUEST_ID_REUSED",
    `the request id ${JSON.stringify(requestId)} was used before, for other content`,
  );
}

import { createHash } from "node:crypto";
import { v7 as newId } from "uuid";
import { DirectoryError } from "./directory-error.ts";
import { isUserId, type NewUser, type User } from "./user.ts";
import type { Creation, Order, UserStore } from "./user-store.ts";

/** One page of users. */
export interface Page {
  readonly users: readonly User[];
  /** Where the next page goes on; undefined where there is none. */
  readonly nextAfterId: string | undefined;
}

/** The users of the organisation's products: what can be asked of them, and done to them. */
export class Directory {
  readonly #store: UserStore;

  constructor(store: UserStore) {
    this.#store = store;
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
   */
  async create(newUsers: readonly NewUser[]): Promise<User[]> {
    const createdAt = new Date();
    const byRequestId = new Map<string, Creation>();
    const all = newUsers.map(({ requestId, ...content }): Creation => {
      const fingerprint = fingerprintOf(content);
      const user = { id: newId(), ...content, createdAt };
      if (requestId === "") return { user, requestId: undefined, fingerprint };
      const first = byRequestId.get(requestId);
      if (first !== undefined && first.fingerprint !== fingerprint) throw reused(requestId);
      const creation = first ?? { user, requestId, fingerprint };
      byRequestId.set(requestId, creation);
      return creation;
    });
    const distinct = [...new Set(all)];
    const created = await this.#store.create(distinct);
    if ("reusedRequestId" in created) throw reused(created.reusedRequestId);
    const users = new Map(distinct.map((creation, index) => [creation, created[index]]));
    return all.map((creation) => users.get(creation) ?? creation.user);
  }
}

function fingerprintOf({ name, email, age }: Omit<NewUser, "requestId">): string {
  return createHash("sha256").update(JSON.stringify([name, email, age])).digest("base64url");
}

function reused(requestId: string): DirectoryError {
  return new DirectoryError(
    "REQUEST_ID_REUSED",
    `the request id ${JSON.stringify(requestId)} was used before, for other content`,
  );
}

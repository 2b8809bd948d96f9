import type { User } from "./user.ts";

/** By time of creation. */
export type Order = "oldestFirst" | "newestFirst";

/** A user to write. */
export interface Creation {
  readonly user: User;
  /** What a repetition of the request is recognised by; undefined where none is expected. */
  readonly requestId: string | undefined;
}

/** Where users are kept. */
export interface UserStore {
  /** The user with that id. */
  find(id: string): Promise<User | undefined>;
  /** Users in an order, from the one after `afterId`, or from the first where it is undefined. */
  page(
    order: Order,
    afterId: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<User[]>;
  /**
   * Writes users durably, all or none, and answers with them in their order: in place of one whose
   * request was answered before, the user that was created then. Request ids are all different.
   * Answers with the request id, and writes nothing, where one was used for a user with other content.
   * Where the signal is aborted before they are written, it throws the signal's reason.
   */
  create(
    creations: readonly Creation[],
    signal?: AbortSignal,
  ): Promise<User[] | { readonly reusedRequestId: string }>;
}

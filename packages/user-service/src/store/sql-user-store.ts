import { createHash } from "node:crypto";
import type { Database, Queryable } from "@org/database";
import type { User, UserContent } from "../domain/user.ts";
import type { Creation, Order, UserStore } from "../domain/user-store.ts";

interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly age: number;
  readonly created_at: Date;
}

interface RequestRow {
  readonly request_id: string;
  readonly fingerprint: string;
  readonly user_id: string;
}

/** Thrown to roll back. */
class ReusedRequestId extends Error {
  readonly requestId: string;

  constructor(requestId: string) {
    super(requestId);
    this.requestId = requestId;
  }
}

const columns = "id, name, email, age, created_at";

/** Users in PostgreSQL. */
export class SqlUserStore implements UserStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The key that page tokens are signed with: the same in all replicas. */
  async pageTokenKey(): Promise<Buffer> {
    const [row] = await this.#database.query<{ key: Buffer }>({
      text: "select key from page_token_keys",
    });
    if (row === undefined) throw new Error("the table page_token_keys is empty");
    return row.key;
  }

  async find(id: string): Promise<User | undefined> {
    const [user] = await findAll(this.#database, [id]);
    return user;
  }

  async page(
    order: Order,
    afterId: string | undefined,
    limit: number,
    signal: AbortSignal,
  ): Promise<User[]> {
    const oldest = order === "oldestFirst";
    const rows = await this.#database.query<UserRow>(
      {
        name: oldest ? "user-page-oldest" : "user-page-newest",
        text: `
          select ${columns} from users where id ${oldest ? ">" : "<"} $1
          order by id ${oldest ? "asc" : "desc"} limit $2`,
        values: [afterId ?? (oldest ? firstId : lastId), limit],
      },
      signal,
    );
    return rows.map(toUser);
  }

  async create(
    creations: readonly Creation[],
    signal?: AbortSignal,
  ): Promise<User[] | { readonly reusedRequestId: string }> {
    const requested = creations.filter(({ requestId }) => requestId !== undefined);
    if (requested.length === 0 && signal === undefined) {
      await insert(this.#database, creations);
      return creations.map(({ user }) => user);
    }
    try {
      return await this.#database.transaction(
        (transaction) => createOnce(transaction, creations, requested),
        signal,
      );
    } catch (error) {
      if (error instanceof ReusedRequestId) return { reusedRequestId: error.requestId };
      throw error;
    }
  }
}

/** Below and above each id that a user can have. */
const firstId = "00000000-0000-0000-0000-000000000000";
const lastId = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Writes what was not written under its request id before. */
async function createOnce(
  transaction: Queryable,
  creations: readonly Creation[],
  requested: readonly Creation[],
): Promise<User[]> {
  const isNew = await claim(transaction, requested);
  const repeated = requested.filter(({ requestId = "" }) => !isNew.has(requestId));
  const earlier = await earlierUsers(transaction, repeated);
  await insert(
    transaction,
    creations.filter(({ requestId }) => requestId === undefined || isNew.has(requestId)),
  );
  return creations.map(({ user, requestId = "" }) => earlier.get(requestId) ?? user);
}

/** Takes the request ids that nobody has used; which those are. */
async function claim(
  transaction: Queryable,
  requested: readonly Creation[],
): Promise<ReadonlySet<string>> {
  if (requested.length === 0) return new Set();
  // Waits for whoever is writing the same request id at the moment; sorted, so that nobody waits in a circle.
  const claimed = await transaction.query<{ request_id: string }>({
    name: "user-request-claim",
    text: `
      insert into user_requests (request_id, fingerprint, user_id)
      select * from unnest($1::text[], $2::text[], $3::uuid[]) as input (request_id, fingerprint, user_id)
      order by input.request_id collate "C"
      on conflict (request_id) do nothing
      returning request_id`,
    values: [
      requested.map(({ requestId }) => requestId),
      requested.map(({ user }) => fingerprintOf(user)),
      requested.map(({ user }) => user.id),
    ],
  });
  return new Set(claimed.map(({ request_id }) => request_id));
}

/** The users that repeated requests created, by request id. */
async function earlierUsers(
  transaction: Queryable,
  repeated: readonly Creation[],
): Promise<Map<string, User>> {
  if (repeated.length === 0) return new Map();
  const requests = await transaction.query<RequestRow>({
    name: "user-request-find",
    text: "select request_id, fingerprint, user_id from user_requests where request_id = any($1)",
    values: [repeated.map(({ requestId }) => requestId)],
  });
  const byId = new Map(requests.map((request) => [request.request_id, request]));
  for (const { requestId = "", user } of repeated) {
    const { fingerprint } = byId.get(requestId) ?? {};
    if (fingerprint !== fingerprintOf(user)) throw new ReusedRequestId(requestId);
  }
  const users = await findAll(
    transaction,
    requests.map(({ user_id }) => user_id),
  );
  const byUserId = new Map(users.map((user) => [user.id, user]));
  return new Map(
    requests.flatMap(({ request_id, user_id }) => {
      const user = byUserId.get(user_id);
      return user === undefined ? [] : [[request_id, user]];
    }),
  );
}

/** Tells contents apart: of what was asked for then, whatever has become of the user since. */
function fingerprintOf({ name, email, age }: UserContent): string {
  return createHash("sha256")
    .update(JSON.stringify([name, email, age]))
    .digest("base64url");
}

async function insert(database: Queryable, creations: readonly Creation[]): Promise<void> {
  if (creations.length === 0) return;
  const users = creations.map(({ user }) => user);
  await database.query({
    name: "user-insert",
    text: `
      insert into users (${columns})
      select * from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[])`,
    values: [
      users.map(({ id }) => id),
      users.map(({ name }) => name),
      users.map(({ email }) => email),
      users.map(({ age }) => age),
      users.map(({ createdAt }) => createdAt),
    ],
  });
}

async function findAll(database: Queryable, ids: readonly string[]): Promise<User[]> {
  const rows = await database.query<UserRow>({
    name: "user-find",
    text: `select ${columns} from users where id = any($1::uuid[])`,
    values: [ids],
  });
  return rows.map(toUser);
}

function toUser({ id, name, email, age, created_at: createdAt }: UserRow): User {
  return { id, name, email, age, createdAt };
}

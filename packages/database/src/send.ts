import pg from "pg";
import { DatabaseUnavailableError, messageOf } from "./database-unavailable-error.ts";

/** Clients whose connection has ended, or is not to be used again. */
export const lost: WeakSet<pg.ClientBase> = new WeakSet<pg.ClientBase>();

/** Sends one statement. Throws a DatabaseUnavailableError where that, or an earlier one, lost the connection. */
export async function send<R extends pg.QueryResultRow>(
  client: pg.PoolClient,
  statement: pg.QueryConfig,
): Promise<pg.QueryResult<R>> {
  try {
    return await client.query<R>(statement);
  } catch (error) {
    if (endsConnection(error)) lost.add(client);
    if (!lost.has(client) && !mayPass(error)) throw error;
    throw new DatabaseUnavailableError(`the database is unavailable: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Whether a connection is no good after this error: SQLSTATE classes 08 (connection exception) and 57P
 * (operator intervention, such as a shutdown), and 25006, which a server answers that was the primary.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function endsConnection(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(?:08|57P|25006)/.test(error.code ?? "");
}

/**
 * Whether the same statement may succeed later: SQLSTATE classes 40 (transaction rollback, such as a
 * deadlock), 53 (insufficient resources) and 58 (system error).
 */
function mayPass(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(?:40|53|58)/.test(error.code ?? "");
}

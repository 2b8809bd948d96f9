import type { Migrations } from "@org/database";
import { sql } from "kysely";

/** The tables of the users, step by step. A step that was released is never changed. */
export const migrations: Migrations = {
  "0001_users": {
    up: async (db) => {
      await sql`
        create table users (
          id uuid primary key,
          name text not null,
          email text not null,
          age integer not null,
          created_at timestamptz not null
        )
      `.execute(db);
      // One row for each user that was created under a request id: what a repetition is answered by.
      await sql`
        create table user_requests (
          request_id text collate "C" primary key,
          fingerprint text not null,
          user_id uuid not null references users (id) deferrable initially deferred
        )
      `.execute(db);
      // Signs page tokens; in the database, so that each replica accepts those of the others.
      await sql`create table page_token_keys (key bytea not null)`.execute(db);
      await sql`
        insert into page_token_keys
        select decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
      `.execute(db);
    },
  },
};

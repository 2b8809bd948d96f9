import type { Migrations } from "@org/database";
import { sql } from "kysely";

/** The tables of the catalogue, step by step. A step that was released is never changed. */
export const migrations: Migrations = {
  "0001_products": {
    up: async (db) => {
      // "C" compares bytes: pages follow the index whatever the database's language.
      await sql`
        create table products (
          id text collate "C" primary key,
          name text not null,
          description text not null,
          category text collate "C" not null,
          currency_code text not null,
          price_units bigint not null,
          price_nanos integer not null
        )
      `.execute(db);
      await sql`create index products_by_category on products (category, id)`.execute(db);
    },
  },
  "0002_first_products": {
    up: async (db) => {
      await sql`
        insert into products values
          ('p001', 'Laptop Pro X', 'High-end laptop', 'Electronics', 'USD', 1500, 0),
          ('p002', 'Wireless Mouse', 'Ergonomic mouse', 'Electronics', 'USD', 75, 500000000),
          ('p003', 'Mechanical Keyboard', 'RGB Keyboard', 'Electronics', 'USD', 120, 0),
          ('p004', 'The Python Guide', 'A book for Pythonistas', 'Books', 'USD', 45, 990000000)
      `.execute(db);
    },
  },
};

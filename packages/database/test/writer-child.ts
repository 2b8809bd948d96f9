/** Writes pairs of numbers for ever, and says of each when it is written. */
import { sql } from "kysely";
import { openDatabase } from "../src/index.ts";

const [dataDir = ""] = process.argv.slice(2);

const database = await openDatabase({
  name: "pairs",
  config: { DATA_DIR: dataDir, EMBEDDED_DATABASE: false },
  migrations: {
    "0001_pairs": {
      up: async (db) => {
        await sql`create table pairs (n integer primary key)`.execute(db);
      },
    },
  },
});

for (let n = 1; ; n += 1) {
  await database.transaction(async (transaction) => {
    await transaction.query({ text: "insert into pairs values ($1)", values: [n] });
    await transaction.query({ text: "insert into pairs values ($1)", values: [-n] });
  });
  process.send?.(n);
}

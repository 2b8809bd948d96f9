/** How long does a call wait for a database that does not answer any more? */
import { expect, test } from "@jest/globals";
import { openDatabase } from "@org/database";
import { startPostgres } from "@org/database/testing";
import { startProxy } from "./support/faulty-proxy.ts";

test("a statement is given up soon after its time, though the server cannot be told", async () => {
  await using postgres = await startPostgres();
  const url = new URL(await postgres.createDatabase());
  await using proxy = await startProxy(url.host);
  url.host = proxy.target;
  const config = { DATABASE_URL: url.href, DATA_DIR: "unused", EMBEDDED_DATABASE: false };
  const database = await openDatabase({ name: "test", config, migrations: {} });
  await database.query({ text: "select 1" });

  proxy.mode = { kind: "blackhole" };
  const begun = performance.now();
  const signal = AbortSignal.timeout(300);
  const error: unknown = await database
    .query({ text: "select pg_sleep(1)" }, signal)
    .catch((thrown: unknown) => thrown);
  expect(error).toBe(signal.reason);
  // A second for the server to say that it has heard, and what a busy machine takes.
  expect(performance.now() - begun).toBeLessThan(5_000);

  proxy.mode = { kind: "pass" };
  expect(await database.query({ text: "select 1 as one" })).toEqual([{ one: 1 }]);
  await database.close();
});

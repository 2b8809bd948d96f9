/** Do the bundles of both services run as production runs them, with nothing but Node around? */
import { cp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Clients, Code, connect } from "@org/client";
import { startPostgres } from "@org/database/testing";
import { createChannel, createClient } from "@org/kit/client";
import { HealthCheckResponse_ServingStatus, HealthDefinition } from "@org/kit/health";
import { mustRunTool, root, runTool } from "./support/run-tool.ts";
import { startService } from "./support/service-process.ts";
import { startCollector } from "./support/trace-collector.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const folder = await temporaryFolder();
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** One call of each service, and the status that an empty database gives. */
const calls = {
  "product-service": ({ products }: Clients) => products.getProduct({ productId: "none" }),
  "user-service": ({ users }: Clients) => users.getUser({ userId: "none" }),
} as const;

describe.each(["product-service", "user-service"] as const)("%s", (name) => {
  /** Away from the repository, so that no node_modules is in reach. */
  const bundle = join(folder.path, name);

  beforeAll(async () => {
    const cwd = join(root, "packages", name);
    await mustRunTool(process.execPath, ["--run", "build"], { cwd });
    await cp(join(cwd, "dist"), bundle, { recursive: true });
  });

  test("answers calls, and ends with 0 on SIGTERM", async () => {
    await using collector = await startCollector();
    await using service = await startService({
      name,
      dataDir: "memory://",
      entry: join(bundle, "main.js"),
      env: { METRICS_PORT: "0", OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
    });
    const { target } = service;
    const clients = connect({ products: target, users: target });
    const channel = createChannel({ target });
    try {
      await expect(calls[name](clients)).rejects.toMatchObject({ code: Code.NOT_FOUND });
      await expect(createClient(HealthDefinition, { channel }).check({})).resolves.toEqual({
        status: HealthCheckResponse_ServingStatus.SERVING,
      });
      const [, port = ""] = /"port":(\d+),"msg":"showing metrics"/.exec(service.printed()) ?? [];
      const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect(await metrics.text()).toMatch(
        /^grpc_server_call_duration_seconds_count\{.*grpc_status="NOT_FOUND"\} 1$/m,
      );
    } finally {
      clients.close();
      channel.close();
    }
    service.kill("SIGTERM");
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(collector.spans).toEqual([
      expect.objectContaining({
        kind: "SERVER",
        resource: expect.objectContaining({ "service.name": name }),
        attributes: expect.objectContaining({ "rpc.response.status_code": "NOT_FOUND" }),
      }),
    ]);
  });

  test("runs with workers, all of which start at once on an empty database", async () => {
    await using postgres = await startPostgres();
    const entry = join(bundle, "main.js");
    const env = { DATABASE_URL: await postgres.createDatabase(), WORKERS: "3" };
    await using service = await startService({ name, dataDir: "unused", entry, env });
    const { target } = service;
    const clients = connect({ products: target, users: target });
    try {
      await expect(calls[name](clients)).rejects.toMatchObject({ code: Code.NOT_FOUND });
      service.kill("SIGHUP");
      await service.logged("restarted the workers");
      await expect(calls[name](clients)).rejects.toMatchObject({ code: Code.NOT_FOUND });
    } finally {
      clients.close();
    }
    service.kill("SIGTERM");
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(service.log.filter(({ level }) => level > 30)).toEqual([]);
    const pids = new Set(Array.from(service.printed().matchAll(/"pid":(\d+)/g), ([, pid]) => pid));
    expect(pids.size).toBe(1 + 3 + 3);
  }, 120_000);

  test("does not load the embedded database where it has a server", async () => {
    const without = `${bundle}-without-database`;
    await cp(bundle, without, { recursive: true });
    const removed = await removeEmbeddedDatabase(without);
    expect(removed).toEqual(expect.arrayContaining(["pglite.wasm", "pglite.data", "initdb.wasm"]));
    const entry = join(without, "main.js");
    // Nobody listens on port 1: to start ends there, and not where a file is missing.
    const env = { DATABASE_URL: "postgresql://127.0.0.1:1/none", GRPC_PORT: "0" };
    const { code, stderr } = await runTool(process.execPath, [entry], { env });
    expect(stderr).toMatch(/database/);
    expect(stderr).not.toMatch(/ERR_MODULE_NOT_FOUND|ENOENT/);
    expect(code).toBe(1);

    const embedded = { DATABASE_URL: "", DATA_DIR: "memory://", GRPC_PORT: "0" };
    const missing = await runTool(process.execPath, [entry], { env: embedded });
    expect(missing.stderr).toMatch(/ERR_MODULE_NOT_FOUND/);
  });
});

/** Removes the files of the embedded database, and says which. */
async function removeEmbeddedDatabase(bundle: string): Promise<string[]> {
  const files = await readdir(bundle, { withFileTypes: true });
  const removed = await Promise.all(
    files
      .filter((file) => file.isFile() && file.name !== "main.js")
      .map(async ({ name }) => {
        const file = join(bundle, name);
        const isPart =
          /\.(?:wasm|data)$/.test(name) || (await readFile(file)).includes("pglite.wasm");
        if (isPart) await rm(file);
        return isPart ? [name] : [];
      }),
  );
  return removed.flat();
}

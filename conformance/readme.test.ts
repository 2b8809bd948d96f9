import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { preparedDataDir } from "@org/database/testing";
import manifest from "../package.json" with { type: "json" };
import { readmeFiles, writeFiles } from "./support/readme-files.ts";
import {
  copyRepository,
  insert,
  type RunningCommand,
  runInCopy,
} from "./support/repository-copy.ts";
import { root, type ToolResult } from "./support/run-tool.ts";
import { startService } from "./support/service-process.ts";
import { startCollector, type TraceCollector } from "./support/trace-collector.ts";
import { type TemporaryFolder, temporaryFolder } from "./support/temporary-folder.ts";

/** An edit that the README tells its reader to make: the code after `<!-- into file … -->`. */
interface Edit {
  readonly file: string;
  readonly before: string | undefined;
  readonly text: string;
}

const readme = await readFile(join(root, "README.md"), "utf8");

const shown = await readmeFiles(join(root, "README.md"));
const consumer = shown.find(({ path }) => path === "consumer.ts");
const greeterFiles = shown
  .filter((file) => file !== consumer)
  // On a port that is free.
  .map(({ path, text }) => ({ path, text: text.replace("50_053", "0") }));

/** Where @org/client is installed. It is type-checked with the method that is added. */
const consumerPath = "conformance/consumer.ts";

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
  await copyRepository(folder.path);
  const placed = consumer === undefined ? [] : [{ ...consumer, path: consumerPath }];
  await writeFiles(folder.path, [...greeterFiles, ...placed]);
  // Once for all tests: the service that one of them adds is there from the start.
  await succeed("pnpm install --no-frozen-lockfile --prefer-offline");
}, 180_000);

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** The commands that the README shows, in its order. */
function commands(): string[] {
  return Array.from(readme.matchAll(/^ *```sh\n(.*?)^ *```$/gms), ([, block = ""]) => block)
    .flatMap((block) => block.split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function edits(): Edit[] {
  const pattern =
    /^ *<!-- into (\S+) (?:at the end|before "(.*?)") -->\n( *)```\w+\n(.*?)^ *```$/gms;
  return Array.from(readme.matchAll(pattern), ([, file = "", before, indent = "", code = ""]) => ({
    file,
    before,
    text: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/** Applies an edit as its reader would: indented like what stands around it. */
async function apply({ file, before, text }: Edit): Promise<void> {
  const target = join(folder.path, file);
  const line = (await readFile(target, "utf8"))
    .split("\n")
    .find((each) => before !== undefined && each.includes(before));
  const indent = /^ */.exec(line ?? "")?.[0] ?? "";
  await insert(target, text.replaceAll(/^(?=.)/gm, indent), before);
}

function run(line: string, env?: Readonly<Record<string, string>>): Promise<ToolResult> {
  return runInCopy(folder.path, line, env).ended;
}

/** Runs a line that has to succeed; shows what it printed otherwise. */
async function succeed(line: string, env?: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, stderr } = await run(line, env);
  expect({ code, printed: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, printed: "" });
  return stdout;
}

test("every command is one that a test below runs", () => {
  expect(commands()).toEqual([
    "npm start",
    // What runs this test.
    "npm test",
    "pnpm client product list Electronics",
    "pnpm client user create --name Alice --email alice@example.com --age 30",
    `pnpm client call org.product.v1.ProductService/GetProduct '{"productId": "p001"}'`,
    "pnpm client health",
    "pnpm --filter @org/product-service dev",
    "pnpm typecheck",
  ]);
  expect(manifest.scripts.test).toBe("node scripts/bootstrap.mjs check.ts");
});

describe("npm start", () => {
  let started: RunningCommand;
  let targets: Record<string, string>;
  let metrics: string;
  let collector: TraceCollector;

  beforeAll(async () => {
    collector = await startCollector();
    const dataDir = await preparedDataDir("product-service", "user-service");
    const options = `--product-port 0 --user-port 0 --data-dir ${dataDir}`;
    started = runInCopy(folder.path, `exec npm start -- ${options}`, {
      METRICS_PORT: "0",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    });
    const [, products = ""] = await started.printed(/product-service is ready on (\S+)/);
    const [, users = ""] = await started.printed(/user-service is ready on (\S+)/);
    const [, page = ""] = await started.printed(/Their metrics are at (\S+)/);
    targets = { PRODUCTS_TARGET: products, USERS_TARGET: users };
    metrics = page;
  }, 180_000);

  afterAll(async () => {
    await collector[Symbol.asyncDispose]();
  });

  test.each([
    { line: commands()[2] ?? "", shows: "p003" },
    { line: commands()[3] ?? "", shows: "Alice" },
    { line: commands()[4] ?? "", shows: '"name":"Laptop Pro X"' },
    { line: commands()[5] ?? "", shows: "org.user.v1.UserService" },
  ])("$line", async ({ line, shows }) => {
    expect(await succeed(line, targets)).toContain(shows);
  });

  test("shows the metrics of both services on one page", async () => {
    const text = await (await fetch(metrics)).text();
    expect(text).toMatch(/^grpc_server_call_started_total\{.*ProductService.*\} [1-9]/m);
    expect(text).toMatch(/^grpc_server_call_started_total\{.*UserService.*\} [1-9]/m);
  });

  test("ends with Ctrl-C", async () => {
    // npm ends by the signal itself, once what it started has ended.
    const { stderr } = await started.interrupt();
    expect(stderr).not.toMatch(/error/i);
    expect((await run("pnpm client health", targets)).code).toBe(1);
    const traced = collector.spans.map(({ name }) => name);
    expect(traced).toContain("org.product.v1.ProductService/GetProduct");
    expect(traced).toContain("org.user.v1.UserService/ListUsers");
  });
});

test("pnpm --filter @org/product-service dev restarts on a change", async () => {
  const dev = runInCopy(folder.path, commands()[6] ?? "", {
    DATA_DIR: await preparedDataDir("product-service"),
    GRPC_PORT: "0",
  });
  await dev.printed(/"msg":"serving"/);
  const file = join(folder.path, "packages/product-service/src/handlers/mapping.ts");
  await insert(file, "// A change.");
  await dev.printed(/"msg":"serving"/, 2);
  const { stdout } = await dev.interrupt();
  expect(stdout.match(/"msg":"serving"/g)).toHaveLength(2);
}, 120_000);

test("add a method", async () => {
  const [method, messages, handler, ...more] = edits();
  if (method === undefined || messages === undefined || handler === undefined) {
    throw new Error("the README has lost an edit");
  }
  expect(more).toEqual([]);
  await apply(method);
  await apply(messages);
  const missing = await run("pnpm typecheck");
  expect(missing.code).not.toBe(0);
  expect(missing.stdout).toMatch(/product-handlers\.ts.*countProducts/);

  await apply(handler);
  await succeed("pnpm typecheck");
  await succeed("pnpm lint");
  await using service = await startService({
    name: "product-service",
    dataDir: "memory://",
    entry: join(folder.path, "packages/product-service/src/main.ts"),
  });
  const call = `call org.product.v1.ProductService/CountProducts '{"category": "Electronics"}'`;
  const stdout = await succeed(`pnpm --silent client ${call}`, { PRODUCTS_TARGET: service.target });
  expect(JSON.parse(stdout)).toEqual({ count: "3" });
}, 120_000);

test("add a consumer", async () => {
  if (consumer === undefined) throw new Error("the README has lost its consumer");
  await using products = await startService({ name: "product-service", dataDir: "memory://" });
  await using users = await startService({ name: "user-service", dataDir: "memory://" });
  const text = consumer.text
    .replace("dns:///product-service:50051", products.target)
    .replace("dns:///user-service:50052", users.target);
  await writeFiles(folder.path, [{ path: consumerPath, text }]);
  const printed = await succeed("pnpm --silent --filter @org/conformance exec node consumer.ts");
  expect(printed).toContain("Laptop Pro X");
  expect(printed).toContain("p003");
  expect(printed).toMatch(/^3 \[/m);
  expect(printed).toContain("must be an email address");
  expect(printed).toContain("nobody is nobody");
}, 120_000);

test("add a service", async () => {
  expect(greeterFiles.map(({ path }) => path)).toEqual([
    "packages/greeter-service/src/main.ts",
    "proto/org/greeter/v1/greeter_service.proto",
    "packages/greeter-service/package.json",
  ]);
  await using greeter = await startService({
    name: "greeter-service",
    dataDir: "memory://",
    entry: join(folder.path, "packages/greeter-service/src/main.ts"),
  });
  const greet = (name: string): Promise<ToolResult> =>
    run(
      `pnpm --silent client call --target ${greeter.target} ` +
        `org.greeter.v1.GreeterService/Greet '${JSON.stringify({ name })}'`,
    );
  expect(JSON.parse((await greet("Alice")).stdout)).toEqual({ greeting: "Hello, Alice!" });
  expect(await greet("")).toMatchObject({ code: 1, stderr: expect.stringContaining("name") });
}, 120_000);

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runDemo } from "../src/cli/demo-command.ts";
import { Output } from "../src/cli/output.ts";
import {
  allUsers,
  type CallOptions,
  type Clients,
  Code,
  connect,
  parseMoney,
  RpcError,
  userPage,
} from "../src/index.ts";
import { type Finished, jsonLines, runClient } from "./run-client.ts";
import { type RunningService, startProductService, startUserService } from "./services.ts";

let products: RunningService;
let users: RunningService;
let clients: Clients;

beforeAll(async () => {
  [products, users] = await Promise.all([startProductService(), startUserService()]);
  clients = connect({ products: products.target, users: users.target });
});

afterAll(async () => {
  clients.close();
  await Promise.all([products.close(), users.close()]);
});

function run(args: readonly string[]): Promise<Finished> {
  const env = { PRODUCTS_TARGET: products.target, USERS_TARGET: users.target };
  return runClient(args, { env });
}

describe("connect", () => {
  test("gives typed clients of both services", async () => {
    const product = await clients.products.getProduct({ productId: "p004" });
    expect(product.unitPrice).toEqual(parseMoney("45.99", "USD"));
    const user = await clients.users.createUser({ name: "A", email: "a@x" });
    expect(await clients.users.getUser({ userId: user.id })).toEqual(user);

    // @ts-expect-error -- there is no such field
    await clients.products.getProduct({ productid: "p004" }).catch(() => undefined);
    // @ts-expect-error -- an id is text
    await clients.products.getProduct({ productId: 4 }).catch(() => undefined);
  });

  test("makes calls fail with what the service says", async () => {
    const error = await clients.products
      .getProduct({ productId: "" })
      .catch((each: unknown) => each);
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      violations: [{ field: "product_id", description: "must not be empty" }],
    });
  });

  test("has a timeout for all calls", async () => {
    const hasty = connect({ products: products.target, users: users.target, timeoutMs: 0 });
    const deadline = { code: Code.DEADLINE_EXCEEDED };
    await expect(hasty.users.getUser({ userId: "x" })).rejects.toMatchObject(deadline);
    await expect(hasty.products.getProduct({ productId: "x" })).rejects.toMatchObject(deadline);
    hasty.close();
  });

  test("works when it is taken apart, and is over when it is closed", async () => {
    const { products: taken, close } = connect({ products: products.target });
    await taken.getProduct({ productId: "p001" });
    close();
    await expect(taken.getProduct({ productId: "p001" })).rejects.toThrow("closed");
  });
});

describe("allUsers", () => {
  const names = Array.from({ length: 7 }, (_, index) => `page-${index}`);

  beforeAll(async () => {
    const rows = names.map((name) => ({ name, email: `${name}@example.com`, requestId: name }));
    await clients.users.bulkCreateUsers(rows);
  });

  test.each([1, 2, 3, 7, 1000])("follows the tokens of pages of %d", async (pageSize) => {
    const found: string[] = [];
    let trailers = 0;
    const options: CallOptions = { onTrailer: () => (trailers += 1) };
    const all = allUsers(clients.users, { pageSize, ...options });
    for await (const { name } of all) found.push(name);
    expect(found.filter((name) => name.startsWith("page-"))).toEqual(names);
    expect(trailers).toBe(Math.ceil(found.length / pageSize));
  });

  test("begins with the page that it is told, and ends where its reader leaves", async () => {
    const page = userPage(clients.users, { pageSize: 2 });
    const first: string[] = [];
    for await (const { id } of page.users) first.push(id);
    const pageToken = page.nextPageToken();
    for await (const { id } of allUsers(clients.users, { pageSize: 2, pageToken })) {
      expect(first).toHaveLength(2);
      expect(first).not.toContain(id);
      break;
    }
  });
});

describe("health", () => {
  test("asks both targets, and exits with 0 when all is well", async () => {
    const [people, programs] = await Promise.all([run(["health"]), run(["health", "--json"])]);
    expect(people.stdout.split("\n").map((line) => line.split(/\s{2,}/))).toEqual([
      ["TARGET", "SERVICE", "STATUS", "DETAIL"],
      [products.target, "org.product.v1.ProductService", "SERVING"],
      [users.target, "org.user.v1.UserService", "SERVING"],
      [""],
    ]);
    expect(people).toMatchObject({ code: 0, stderr: "" });
    expect(programs.code).toBe(0);
    expect(jsonLines(programs.stdout)).toEqual([
      { target: products.target, service: "org.product.v1.ProductService", status: "SERVING" },
      { target: users.target, service: "org.user.v1.UserService", status: "SERVING" },
    ]);
  });

  test("exits with 1 when something is not", async () => {
    const [down, unknown, one] = await Promise.all([
      run(["health", "--users", "127.0.0.1:1", "--json"]),
      run(["health", "org.nobody.v1.NobodyService", "--json"]),
      run(["health", "org.user.v1.UserService", "--products", "127.0.0.1:1", "--json"]),
    ]);
    expect(jsonLines(down.stdout)).toMatchObject([
      { target: products.target, status: "SERVING" },
      { target: "127.0.0.1:1", status: "UNAVAILABLE", detail: expect.any(String) },
    ]);
    expect(down.code).toBe(1);
    expect(jsonLines(unknown.stdout)).toMatchObject([
      { target: products.target, status: "SERVICE_UNKNOWN" },
      { target: users.target, status: "SERVICE_UNKNOWN" },
    ]);
    expect(unknown.code).toBe(1);
    // Only the target that the service belongs to is asked.
    expect(jsonLines(one.stdout)).toMatchObject([{ target: users.target, status: "SERVING" }]);
    expect(one.code).toBe(0);
  });
});

describe("demo", () => {
  /** What a tour leaves as it was. */
  async function everything(): Promise<{ products: string[]; users: string[] }> {
    const found = { products: [] as string[], users: [] as string[] };
    for (const category of ["Electronics", "Books", "Tour"]) {
      const listed = clients.products.listProductsByCategory({ category });
      for await (const { id } of listed) found.products.push(id);
    }
    for await (const { id } of allUsers(clients.users)) found.users.push(id);
    return found;
  }

  test("shows every kind of call, time and again", async () => {
    const before = await everything();
    const first = await run(["demo"]);
    const after = await everything();
    expect(first).toMatchObject({ code: 0, stderr: "" });
    for (const line of [
      "  p001  Laptop Pro X, 1500.00 USD: High-end laptop",
      '  NOT_FOUND (PRODUCT_NOT_FOUND), as expected: no product has the id "p999"',
      "  p003  Mechanical Keyboard, 120.00 USD: RGB Keyboard",
      "      upsert.name must not be empty",
      "      upsert.unit_price must not be negative",
      "  sent again: the same user",
      '  NOT_FOUND (USER_NOT_FOUND), as expected: no user has the id "nonexistent"',
    ]) {
      expect(first.stdout.split("\n")).toContain(line);
    }
    // The bidirectional call: each change goes out only once the one before has been answered.
    const turns = first.stdout.match(/^ {2}(?:→|← \w+)/gm);
    expect(turns).toEqual(
      ["UNCHANGED", "CREATED", "UPDATED", "UNCHANGED", "REJECTED", "DELETED"].flatMap((name) => [
        "  →",
        `  ← OUTCOME_${name}`,
      ]),
    );
    expect(after.products).toEqual(before.products);
    expect(after.users).toHaveLength(before.users.length + 3);

    const again = await run(["demo"]);
    expect(again.code).toBe(0);
    expect(again.stdout).toBe(first.stdout);
    expect(await everything()).toEqual(after);
  });

  test("is a function, too, and has lines for programs", async () => {
    const lines: string[] = [];
    const stdout = new PassThrough()
      .setEncoding("utf8")
      .on("data", (line: string) => lines.push(line));
    await runDemo(clients, new Output({ stdout, json: true }));
    expect(jsonLines(lines.join("")).slice(0, 2)).toEqual([
      { step: "GetProduct p001", text: "p001  Laptop Pro X, 1500.00 USD: High-end laptop" },
      { step: "GetProduct p999", text: expect.stringContaining("as expected") },
    ]);
  });

  test("fails where there is no service", async () => {
    const { code, stderr } = await run(["demo", "--products", "127.0.0.1:1"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^UNAVAILABLE: [\s\S]*No service answers at 127\.0\.0\.1:1\./),
    });
  });
});

describe("the README", () => {
  test("has a file that can be imported", async () => {
    const readme = await readFile(join(import.meta.dirname, "../README.md"), "utf8");
    const csv = /```csv\n(?<rows>[^]*?)```/.exec(readme)?.groups?.["rows"] ?? "";
    const { code, stdout } = await runClient(
      ["product", "import", "-", "--format", "csv", "--json", "--products", products.target],
      { stdin: csv },
    );
    expect(jsonLines(stdout)).toMatchObject([{ created: 2, rejected: 0 }]);
    expect(code).toBe(0);
  });
});

import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  ImportProductsResponse_Outcome as Outcome,
  type Product,
  ProductServiceDefinition,
} from "@org/contracts/product/v1";
import { createLogger, implement, type RunningServer, RpcError, serve } from "@org/kit";
import { parseMoney } from "../src/index.ts";
import { jsonLines, runClient, startClient } from "./run-client.ts";

const product: Product = {
  id: "p",
  name: "Product",
  description: "",
  category: "C",
  price: 1,
  unitPrice: parseMoney("1", "USD"),
};

/** What these tests call: a method that is added to the contract is no matter of theirs. */
const { getProduct, listProductsByCategory, importProducts } = ProductServiceDefinition.methods;
const definition = {
  fullName: ProductServiceDefinition.fullName,
  methods: { getProduct, listProductsByCategory, importProducts },
} as const;

/** A catalogue with no end, which takes what has a name. */
const endless = implement(definition, {
  getProduct({ productId }) {
    throw RpcError.invalidArgument([{ field: "product_id", description: `is ${productId}` }]);
  },
  async *listProductsByCategory(_, call) {
    while (!call.signal.aborted) yield product;
  },
  async *importProducts(requests) {
    for await (const { request } of requests) {
      const { sequence, operation } = request;
      const named = operation?.$case === "upsert" && operation.value.name !== "";
      const outcome = named ? Outcome.OUTCOME_CREATED : Outcome.OUTCOME_REJECTED;
      yield { sequence, outcome, violations: [] };
    }
  },
});

let server: RunningServer;
let env: Record<string, string>;

beforeAll(async () => {
  const logger = createLogger({ name: "test", level: "silent" });
  server = await serve({ services: [endless], logger, signals: false, graceMs: 0 });
  env = { PRODUCTS_TARGET: server.target };
});

afterAll(() => server.close());

test("an option wins over the environment", async () => {
  const wrong = { PRODUCTS_TARGET: "127.0.0.1:1" };
  const args = ["product", "get", "x", "--products", server.target];
  expect((await runClient(args, { env: wrong })).stderr).toMatch(/^INVALID_ARGUMENT: /);
});

test("messages are coloured only where that is asked for", async () => {
  const [pipe, forced] = await Promise.all([
    runClient(["product", "get", "x"], { env }),
    runClient(["product", "get", "x"], { env: { ...env, FORCE_COLOR: "1" } }),
  ]);
  expect(pipe.stderr).toBe("INVALID_ARGUMENT: product_id: is x\n  product_id  is x\n");
  expect(forced.stderr.startsWith("\u001b[31mINVALID_ARGUMENT:\u001b[39m ")).toBe(true);
});

test.each([[["--json"]], [[]]])(
  "whoever reads the results can leave, as `| head` does: that is no failure (%j)",
  async (form) => {
    const child = startClient(["product", "list", "C", ...form], env);
    const [stderr, exit] = [text(child.stderr), once(child, "exit")];
    await once(child.stdout, "data");
    child.stdout.destroy();
    expect(await exit).toEqual([0, null]);
    expect(await stderr).toBe("");
  },
);

describe("Ctrl-C", () => {
  test("cancels an import: what was done by then is told", async () => {
    const args = ["product", "import", "-", "--format", "ndjson", "--json"];
    const child = startClient(args, env);
    const [stdout, exit] = [text(child.stdout), once(child, "exit")];
    const messages = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
    child.stdin.write('{"id":"1","name":"A"}\n{"id":"2"}\n');
    // It is answered after the one before.
    expect(await messages.next()).toMatchObject({ value: expect.stringContaining('"line":2') });
    child.kill("SIGINT");
    expect(await exit).toEqual([130, null]);
    expect(jsonLines(await stdout)).toMatchObject([{ created: 1, rejected: 1 }]);
    expect(await messages.next()).toMatchObject({ done: true });
  });

  test("ends a stream of answers without a word", async () => {
    const child = startClient(["product", "list", "C", "--json"], env);
    const [stderr, exit] = [text(child.stderr), once(child, "exit")];
    await once(child.stdout, "data");
    child.stdout.resume();
    child.kill("SIGINT");
    expect(await exit).toEqual([130, null]);
    expect(await stderr).toBe("");
  });

  test("ends the wait for the standard input", async () => {
    // The first row's rejection shows that the program has begun to read.
    const args = ["user", "import", "-", "--format", "ndjson"];
    const child = startClient(args, { USERS_TARGET: server.target });
    const exit = once(child, "exit");
    child.stdin.write("[]\n");
    await once(child.stderr, "data");
    child.kill("SIGINT");
    expect(await exit).toEqual([130, null]);
  });
});

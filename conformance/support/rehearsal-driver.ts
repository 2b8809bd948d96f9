/**
 * Makes calls of all four kinds, and prints what came of each as a line of JSON, an {@link Answer}:
 *
 *     node rehearsal-driver.ts <product-service> <user-service>
 *
 * It runs on today's client where it stands, and on an earlier one in a copy of that one's repository.
 * So it imports nothing of ours but `@org/client`, besides types, and calls only what the earlier one
 * has, too: ask for a new method with `in` first. It makes what it needs under names of its own, so that it can run
 * against a service again and again, but not twice at the same time: it lists the newest users.
 */
import { randomUUID } from "node:crypto";
import { connect, type MessageInput, RpcError } from "@org/client";
import type { ImportProductsRequest } from "@org/contracts/product/v1";

/** How many messages go each way. */
export type Kind = "unary" | "server streaming" | "client streaming" | "bidirectional";

/** What came of one call. */
export interface Answer {
  /** What was called, and with what; no two have the same. */
  readonly call: string;
  readonly kind: Kind;
  /** Those that came; of a stream that failed, those that came before. */
  readonly messages: readonly unknown[];
  /** What it failed with; null where it succeeded. */
  readonly failure: Failure | null;
}

/** A failed call's status, as far as a program may depend on it: texts are for people. */
export interface Failure {
  readonly code: number;
  readonly reason: string | null;
  /** The paths of the fields that are wrong, sorted. */
  readonly violations: readonly string[];
}

type Import = MessageInput<ImportProductsRequest>;
type Operation = Import["operation"];

const [productService, userService] = process.argv.slice(2);
if (productService === undefined || userService === undefined) {
  throw new Error("usage: node rehearsal-driver.ts <product-service> <user-service>");
}
const { products, users, close } = connect({
  products: productService,
  users: userService,
  timeoutMs: 10_000,
});
const run = randomUUID();
await callProducts();
await callUsers();
close();

async function callProducts(): Promise<void> {
  const category = `Rehearsal ${run}`;
  const product = (letter: string, units: bigint) => ({
    id: `${run}-${letter}`,
    name: `Product ${letter}`,
    description: "Ünïcode, 🦊",
    category,
    unitPrice: { currencyCode: "EUR", units, nanos: 990_000_000 },
  });
  const [first, second, third] = [product("a", 0n), product("b", 9n), product("c", 2n ** 53n + 1n)];

  await record("ImportProducts", "bidirectional", () =>
    importOneByOne([
      { $case: "upsert", value: first },
      { $case: "upsert", value: second },
      { $case: "upsert", value: third },
      { $case: "upsert", value: first },
      { $case: "upsert", value: { ...second, unitPrice: { currencyCode: "USD", units: 10n } } },
      { $case: "upsert", value: { id: "not an id", category } },
      undefined,
      { $case: "deleteProductId", value: third.id },
      { $case: "deleteProductId", value: third.id },
    ]),
  );
  await record("ImportProducts of nothing", "bidirectional", () => importOneByOne([]));

  await record("GetProduct", "unary", () => products.getProduct({ productId: second.id }));
  await record("GetProduct of a deleted one", "unary", () =>
    products.getProduct({ productId: third.id }),
  );
  await record("GetProduct without an id", "unary", () => products.getProduct({}));

  await record("ListProductsByCategory", "server streaming", () =>
    products.listProductsByCategory({ category }),
  );
  await record("ListProductsByCategory of an unknown one", "server streaming", () =>
    products.listProductsByCategory({ category: `No ${category}` }),
  );
  await record("ListProductsByCategory without a category", "server streaming", () =>
    products.listProductsByCategory({}),
  );
}

/** Sends each request only once the one before has been answered, which no other kind of call can. */
async function* importOneByOne(operations: readonly Operation[]): AsyncGenerator<object, void> {
  let answered = Promise.withResolvers<void>();
  async function* requests(): AsyncGenerator<Import, void> {
    for (const [index, operation] of operations.entries()) {
      yield { sequence: BigInt(index) - 1n, operation };
      await answered.promise;
      answered = Promise.withResolvers();
    }
  }
  for await (const { violations, ...answer } of products.importProducts(requests())) {
    yield { ...answer, violations: violations.map(({ field }) => field).toSorted() };
    answered.resolve();
  }
}

async function callUsers(): Promise<void> {
  const ada = { name: "Ada", email: "ada@example.com", age: 36, requestId: `${run} ada` };
  const [created] = await record("CreateUser", "unary", () => users.createUser(ada));
  await record("CreateUser again", "unary", () => users.createUser(ada));
  await record("CreateUser again, but another", "unary", () =>
    users.createUser({ ...ada, name: "Eva" }),
  );
  await record("CreateUser with nothing right", "unary", () =>
    users.createUser({ email: "ada", age: -1, requestId: "x".repeat(65) }),
  );

  await record("GetUser", "unary", () => users.getUser({ userId: created?.id }));
  await record("GetUser of an unknown one", "unary", () => users.getUser({ userId: run }));
  await record("GetUser without an id", "unary", () => users.getUser({}));

  const many = Array.from({ length: 12 }, (_, index) => ({
    name: `User ${index}`,
    email: `user${index}@example.com`,
    age: index,
  }));
  await record("BulkCreateUsers", "client streaming", () => users.bulkCreateUsers(many));
  await record("BulkCreateUsers of nobody", "client streaming", () => users.bulkCreateUsers([]));
  await record("BulkCreateUsers with a wrong one", "client streaming", () =>
    users.bulkCreateUsers([...many, { ...ada, email: "ada" }]),
  );

  // The oldest may be anybody's.
  await record("ListUsers, how many come", "server streaming", async function* () {
    let count = 0;
    for await (const { id } of users.listUsers({})) yield { count: ++count, named: id !== "" };
  });
  let pageToken = "";
  await record("ListUsers, the newest", "server streaming", () =>
    users.listUsers(
      { pageSize: 7, order: 2 },
      {
        onTrailer: (trailer) => {
          pageToken = String(trailer.get("next-page-token")[0]);
        },
      },
    ),
  );
  await record("ListUsers, the page after", "server streaming", () =>
    users.listUsers({ pageSize: 6, order: 2, pageToken }),
  );
  await record("ListUsers, that page in another order", "server streaming", () =>
    users.listUsers({ order: 1, pageToken }),
  );
  await record("ListUsers, too many", "server streaming", () =>
    users.listUsers({ pageSize: 1_001 }),
  );
}

/** Makes a call, and prints what came of it. Resolves with the messages. */
async function record<Message>(
  call: string,
  kind: Kind,
  make: () => Promise<Message> | AsyncIterable<Message>,
): Promise<Message[]> {
  const messages: Message[] = [];
  let failure: Failure | null = null;
  try {
    const made = make();
    if (Symbol.asyncIterator in made) for await (const message of made) messages.push(message);
    else messages.push(await made);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    failure = {
      code: error.code,
      reason: error.reason ?? null,
      violations: error.violations.map(({ field }) => field).toSorted(),
    };
  }
  print({ call, kind, messages, failure });
  return messages;
}

function print(answer: Answer): void {
  // What JSON has not: an int64 becomes a text such as "7n", and a message that is not set null.
  const text = JSON.stringify(answer, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : (value ?? null),
  );
  process.stdout.write(`${text}\n`);
}

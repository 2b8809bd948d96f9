import {
  type ImportProductsRequest,
  ImportProductsResponse_Outcome as Outcome,
  type Product,
} from "@org/contracts/product/v1";
import type { CallOptions, MessageInput } from "@org/kit/client";
import type { Services } from "../connect.ts";
import { parseMoney } from "../money.ts";
import { priceOf } from "./product-view.ts";
import type { Tour } from "./tour.ts";

/** The product that the tour creates and deletes again. */
const lamp = {
  id: "tour-lamp",
  name: "Desk Lamp",
  description: "Made by the tour, and gone at its end",
  category: "Tour",
  unitPrice: parseMoney("19.99", "USD"),
} as const;

type Operation = MessageInput<ImportProductsRequest>["operation"];

/** What the tour imports, and what each of it shows. */
const changes: readonly (readonly [string, Operation])[] = [
  [
    "delete the lamp that an earlier tour may have left",
    { $case: "deleteProductId", value: lamp.id },
  ],
  ["a new lamp, for 19.99", { $case: "upsert", value: lamp }],
  [
    "the lamp, for 14.99",
    { $case: "upsert", value: { ...lamp, unitPrice: parseMoney("14.99", "USD") } },
  ],
  [
    "the same once more",
    { $case: "upsert", value: { ...lamp, unitPrice: parseMoney("14.99", "USD") } },
  ],
  [
    "a lamp without a name that costs -1.50",
    { $case: "upsert", value: { ...lamp, name: "", unitPrice: parseMoney("-1.50", "USD") } },
  ],
  ["delete the lamp", { $case: "deleteProductId", value: lamp.id }],
];

/** Goes through product-service's methods; leaves the catalogue as it was. */
export async function productTour(
  products: Services["products"],
  tour: Tour,
  options: CallOptions = {},
): Promise<void> {
  const get = async (productId: string): Promise<string> =>
    inWords(await products.getProduct({ productId }, options));

  await tour.step("GetProduct p001", "one request, one answer");
  await tour.tellAnswer(get("p001"));

  await tour.step(
    "GetProduct p999",
    "there is none: a status, and a reason that programs can read",
  );
  await tour.tellAnswer(get("p999"), "PRODUCT_NOT_FOUND");

  await tour.step("ListProductsByCategory Electronics", "one request, a stream of answers");
  const found = products.listProductsByCategory({ category: "Electronics" }, options);
  for await (const product of found) await tour.tell(inWords(product));

  await tour.step(
    "ImportProducts",
    "streams both ways: each change waits for the answer to the last",
  );
  await importInTurns(products, tour, options);
}

async function importInTurns(
  products: Services["products"],
  tour: Tour,
  options: CallOptions,
): Promise<void> {
  let answered = Promise.withResolvers<void>();
  async function* requests(): AsyncGenerator<MessageInput<ImportProductsRequest>, void> {
    for (const [index, [about, operation]] of changes.entries()) {
      answered = Promise.withResolvers<void>();
      await tour.tell(`→ ${about}`);
      yield { sequence: BigInt(index + 1), operation };
      await answered.promise;
    }
  }
  const outcomeNames = new Map<number, string>(
    Object.entries(Outcome).map(([name, value]) => [value, name]),
  );
  for await (const { outcome, violations } of products.importProducts(requests(), options)) {
    await tour.tell(`← ${outcomeNames.get(outcome) ?? String(outcome)}`);
    for (const { field, description } of violations) await tour.tell(`    ${field} ${description}`);
    answered.resolve();
  }
}

function inWords(product: Product): string {
  return `${product.id}  ${product.name}, ${priceOf(product)}: ${product.description}`;
}

/** The work of the benches: the same for all servers, and small enough that what carries it shows. */
import {
  ImportProductsRequest,
  ImportProductsResponse,
  ImportProductsResponse_Outcome,
  Product,
} from "@org/contracts/product/v1";
import { CreateUserRequest } from "@org/contracts/user/v1";

/** How many messages a streaming call has where nothing else is said. */
export const messagesPerCall = 1_000;

/** What GetProduct answers with. */
export const product: Product = Product.fromPartial({
  id: "p001",
  name: "Laptop Pro X",
  description: "A laptop for people who carry it all day",
  price: 1299.99,
  category: "Electronics",
  unitPrice: { currencyCode: "USD", units: 1299n, nanos: 990_000_000 },
});

/** Every kind of call that is measured. */
export const kinds = ["unary", "serverStream", "clientStream", "bidi"] as const;
export type Kind = (typeof kinds)[number];

/** How many messages one call of a kind has, both ways together counted once. */
export function messagesOf(kind: Kind): number {
  return kind === "unary" ? 1 : messagesPerCall;
}

/** The products of a category that says how many it has: `count-1000`. */
export function productsIn(category: string): readonly Product[] {
  const count = Number(/^count-(\d+)$/.exec(category)?.[1] ?? messagesPerCall);
  let products = listed.get(count);
  if (products === undefined) {
    products = Array.from({ length: count }, (_, index) => ({
      ...product,
      id: `p${(index % 100_000) + 100_000}`,
      name: `Product ${(index % 1_000) + 1_000}`,
    }));
    listed.set(count, products);
  }
  return products;
}
const listed = new Map<number, readonly Product[]>();

/** A product by its id, from memory; `size-1024` has a description of that many bytes. */
export function productBy(id: string): Product | undefined {
  if (id === product.id) return product;
  const size = /^size-(\d+)$/.exec(id)?.[1];
  if (size === undefined) return undefined;
  const known = sized.get(id) ?? { ...product, id, description: "x".repeat(Number(size)) };
  sized.set(id, known);
  return known;
}
const sized = new Map<string, Product>();

/** How many calls have found their product. */
let found = 0;

/** Counts a call that has found its product. */
export function noteFound(): void {
  found += 1;
}

/** How many calls of this process have found their product. */
export function foundCount(): number {
  return found;
}

/** Finds a product as a handler does that asks a database: the answer comes later. */
export async function findProduct(id: string): Promise<Product> {
  const known = productBy(id);
  if (known === undefined) throw new Error(`there is no product ${id}`);
  noteFound();
  return known;
}

/** What becomes of one request of an import. */
export function importOne({ sequence, operation }: ImportProductsRequest): ImportProductsResponse {
  return {
    sequence,
    outcome:
      operation?.$case === "upsert"
        ? ImportProductsResponse_Outcome.OUTCOME_UPDATED
        : ImportProductsResponse_Outcome.OUTCOME_DELETED,
    violations: [],
  };
}

/** What BulkCreateUsers is sent. */
export function usersToCreate(): CreateUserRequest[] {
  return Array.from({ length: messagesPerCall }, (_, index) => ({
    name: `User ${index + 1_000}`,
    email: `user${index + 1_000}@example.com`,
    age: 20 + (index % 60),
    requestId: "",
  }));
}

/** What ImportProducts is sent. */
export function productsToImport(): ImportProductsRequest[] {
  return productsIn(`count-${messagesPerCall}`).map((value, index) => ({
    sequence: BigInt(index + 1),
    operation: { $case: "upsert", value },
  }));
}

export { CreateUserRequest, ImportProductsRequest, ImportProductsResponse };

import { describe, expect, test } from "@jest/globals";
import type {
  ImportProductsRequest,
  ImportProductsResponse,
  Product,
} from "@org/contracts/product/v1";
import { Code, type MessageInput } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { gather, outcomesOf, product, remove, unique, upsert, violationsOf } from "./messages.ts";

const idRule = "must be 1 to 64 characters out of letters, digits, '.', '_' and '-'";
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };

export function importProductsContract(service: () => TestService): void {
  type Requests = readonly MessageInput<ImportProductsRequest>[];

  function importAll(requests: Requests): Promise<ImportProductsResponse[]> {
    return gather(service().products.importProducts(requests));
  }

  function get(productId: string): Promise<Product> {
    return service().products.getProduct({ productId });
  }

  describe("ImportProducts", () => {
    test("creates, leaves, updates and deletes, and says which", async () => {
      const first = product();
      const second = { ...first, name: "Standing desk" };
      expect(outcomesOf(await importAll([upsert(first)]))).toEqual(["created"]);
      expect(await get(first.id)).toEqual(first);
      expect(outcomesOf(await importAll([upsert(first)]))).toEqual(["unchanged"]);
      expect(outcomesOf(await importAll([upsert(second)]))).toEqual(["updated"]);
      expect(await get(first.id)).toEqual(second);
      expect(outcomesOf(await importAll([remove(first.id)]))).toEqual(["deleted"]);
      await expect(get(first.id)).rejects.toMatchObject({ code: Code.NOT_FOUND });
      expect(outcomesOf(await importAll([remove(first.id)]))).toEqual(["unchanged"]);
      expect(outcomesOf(await importAll([upsert(first)]))).toEqual(["created"]);
    });

    test.each<Partial<Product>>([
      { name: "Table" },
      { description: "" },
      { category: "Office" },
      { unitPrice: { currencyCode: "USD", units: 19n, nanos: 500_000_000 } },
      { unitPrice: { currencyCode: "EUR", units: 20n, nanos: 500_000_000 } },
      { unitPrice: { currencyCode: "EUR", units: 19n, nanos: 500_000_001 } },
    ])("takes %j for a change", async (change) => {
      const before = product();
      const after = { ...before, ...change };
      const answers = await importAll([upsert(before), upsert(after), upsert(after)]);
      expect(outcomesOf(answers)).toEqual(["created", "updated", "unchanged"]);
      expect(await get(before.id)).toMatchObject(change);
    });

    test("makes the price from unit_price, whatever the request says", async () => {
      const { id } = product();
      const answers = await importAll([
        upsert(product({ id, price: 0 })),
        upsert(product({ id, price: Number.NaN })),
        upsert(product({ id, price: Infinity })),
      ]);
      expect(outcomesOf(answers)).toEqual(["created", "unchanged", "unchanged"]);
      expect(await get(id)).toMatchObject({ price: 19.5 });
    });

    test("answers each request before it gets the next", async () => {
      const ids = Array.from({ length: 20 }, () => unique("id"));
      const answered = new Map(ids.map((_, i) => [BigInt(i), Promise.withResolvers<void>()]));
      async function* oneByOne() {
        for (const [i, id] of ids.entries()) {
          yield i % 3 === 2 ? upsert({}, BigInt(i)) : upsert(product({ id }), BigInt(i));
          await answered.get(BigInt(i))?.promise;
        }
      }
      const sequences: bigint[] = [];
      for await (const { sequence } of service().products.importProducts(oneByOne())) {
        sequences.push(sequence);
        answered.get(sequence)?.resolve();
      }
      expect(sequences).toEqual([...answered.keys()]);
    });

    test("answers in order, and repeats each sequence, whatever it is", async () => {
      const sequences = [0n, 1n, 1n, -1n, int64.max, int64.min, 0n, 7n];
      const requests = sequences.map((sequence, i) =>
        i % 2 === 0 ? upsert(product(), sequence) : upsert({}, sequence),
      );
      const answers = await importAll(requests);
      expect(answers.map(({ sequence }) => sequence)).toEqual(sequences);
      expect(outcomesOf(answers)).toEqual(
        sequences.map((_, i) => (i % 2 === 0 ? "created" : "rejected")),
      );
    });

    test("applies requests for one product in the order they come", async () => {
      const { id } = product();
      const names = ["one", "two", "three"] as const;
      const [one, two, three] = names.map((name) => upsert(product({ id, name })));
      if (one === undefined || two === undefined || three === undefined) throw new Error("never");
      const other = upsert(product());
      const requests = [one, remove(id), two, other, two, remove(id), remove(id), one, three];
      expect(outcomesOf(await importAll(requests))).toEqual([
        "created",
        "deleted",
        "created",
        "created",
        "unchanged",
        "deleted",
        "unchanged",
        "created",
        "updated",
      ]);
      expect(await get(id)).toMatchObject({ name: "three" });
    });

    test("takes an empty stream", async () => {
      expect(await importAll([])).toEqual([]);
    });

    test("imports 5,000 rows, and finds them unchanged when some come again", async () => {
      const category = unique("category");
      const ids = Array.from({ length: 5_000 }, (_, i) => `${category}.${i}`);
      const requests = ids.map((id, i) => upsert(product({ id, category }), BigInt(i)));
      for (const [outcome, count] of [
        ["created", 5_000],
        ["unchanged", 500],
      ] as const) {
        const answers = await importAll(requests.slice(0, count));
        expect(answers.map(({ sequence }) => Number(sequence))).toEqual([...Array(count).keys()]);
        expect(new Set(outcomesOf(answers))).toEqual(new Set([outcome]));
      }
      const listed = await gather(service().products.listProductsByCategory({ category }));
      expect(listed.map(({ id }) => id)).toEqual(ids.toSorted());
    });

    test("does not lock itself up with an import of the same products in another order", async () => {
      const rows = Array.from({ length: 250 }, () => product());
      const reversed = rows.toReversed();
      const rounds = await Promise.all(
        Array.from({ length: 6 }, (_, round) => {
          const ordered = round % 2 === 0 ? rows : reversed;
          return importAll(
            ordered.flatMap((row, i) =>
              i % 10 === round ? [remove(row.id)] : [upsert({ ...row, name: `of round ${round}` })],
            ),
          );
        }),
      );
      for (const answers of rounds) {
        expect(answers).toHaveLength(250);
        expect(outcomesOf(answers)).not.toContain("rejected");
      }
    });

    test("has kept everything it answered when it is cancelled midway", async () => {
      const controller = new AbortController();
      const rows = Array.from({ length: 1_500 }, () => product());
      const requests = rows.map((row, i) => upsert(row, BigInt(i)));
      const answers = service().products.importProducts(requests, { signal: controller.signal });
      const answered: bigint[] = [];
      const reading = (async () => {
        for await (const { sequence } of answers) {
          answered.push(sequence);
          if (answered.length === 300) controller.abort();
        }
      })();
      await expect(reading).rejects.toMatchObject({ code: Code.CANCELLED });
      expect(answered.length).toBeGreaterThanOrEqual(300);
      expect(answered.length).toBeLessThan(1_500);
      for (const sequence of answered.filter((_, i) => i % 50 === 0 || i > answered.length - 20)) {
        const { id } = rows[Number(sequence)] ?? {};
        expect(await get(id ?? "")).toMatchObject({ id });
      }
    });
  });

  describe("ImportProducts rejects, and goes on after", () => {
    const money = { currencyCode: "EUR", units: 1n, nanos: 0 };

    test.each<[string, Partial<Product>, string, string]>([
      ["no id", { id: "" }, "id", idRule],
      ["a long id", { id: "a".repeat(65) }, "id", idRule],
      ["a space in the id", { id: "a b" }, "id", idRule],
      ["a line's end in the id", { id: "a\n" }, "id", idRule],
      ["a NUL in the id", { id: "a\0" }, "id", idRule],
      ["a letter of another alphabet in the id", { id: "ä" }, "id", idRule],
      ["no name", { name: "" }, "name", "must not be empty"],
      ["a long name", { name: "n".repeat(201) }, "name", "must be at most 200 characters"],
      [
        "a long name of emoji",
        { name: `${"🦊".repeat(100)}${"n".repeat(101)}` },
        "name",
        "must be at most 200 characters",
      ],
      ["a NUL in the name", { name: "a\0b" }, "name", "must not contain a NUL character"],
      [
        "a long description",
        { description: "d".repeat(10_001) },
        "description",
        "must be at most 10,000 characters",
      ],
      [
        "a huge description",
        { description: "d".repeat(250_000) },
        "description",
        "must be at most 10,000 characters",
      ],
      [
        "a NUL in the description",
        { description: "\0" },
        "description",
        "must not contain a NUL character",
      ],
      ["no category", { category: "" }, "category", "must not be empty"],
      [
        "a long category",
        { category: "c".repeat(101) },
        "category",
        "must be at most 100 characters",
      ],
      [
        "a NUL in the category",
        { category: "a\0" },
        "category",
        "must not contain a NUL character",
      ],
      ["no price", { unitPrice: undefined }, "unit_price", "must be set"],
      [
        "no currency",
        { unitPrice: { ...money, currencyCode: "" } },
        "unit_price",
        "must have a currency code of three capital letters",
      ],
      [
        "a currency in small letters",
        { unitPrice: { ...money, currencyCode: "eur" } },
        "unit_price",
        "must have a currency code of three capital letters",
      ],
      [
        "a currency with a line's end",
        { unitPrice: { ...money, currencyCode: "EUR\n" } },
        "unit_price",
        "must have a currency code of three capital letters",
      ],
      [
        "negative units",
        { unitPrice: { ...money, units: -1n } },
        "unit_price",
        "must not be negative",
      ],
      [
        "the least units",
        { unitPrice: { ...money, units: int64.min } },
        "unit_price",
        "must not be negative",
      ],
      [
        "negative nanos",
        { unitPrice: { ...money, nanos: -1 } },
        "unit_price",
        "must not be negative",
      ],
      [
        "the least nanos",
        { unitPrice: { ...money, nanos: int32.min } },
        "unit_price",
        "must not be negative",
      ],
      [
        "a unit of nanos",
        { unitPrice: { ...money, nanos: 1_000_000_000 } },
        "unit_price",
        "must have less than 1,000,000,000 nanos",
      ],
      [
        "the most nanos",
        { unitPrice: { ...money, nanos: int32.max } },
        "unit_price",
        "must have less than 1,000,000,000 nanos",
      ],
    ])("%s", async (_, change, field, description) => {
      const [rejected, next] = await importAll([
        upsert(product(change), 1n),
        upsert(product(), 2n),
      ]);
      expect(rejected?.sequence).toBe(1n);
      expect(violationsOf(rejected)).toEqual([{ field: `upsert.${field}`, description }]);
      expect(outcomesOf(next === undefined ? [] : [next])).toEqual(["created"]);
    });

    test("everything that is wrong with a row at once", async () => {
      const [row, empty] = await importAll([
        upsert({ id: "a b", name: "", category: "Furniture", unitPrice: { currencyCode: "EUR" } }),
        upsert({}),
      ]);
      expect(violationsOf(row).map(({ field }) => field)).toEqual(["upsert.id", "upsert.name"]);
      expect(violationsOf(empty).map(({ field }) => field)).toEqual([
        "upsert.id",
        "upsert.name",
        "upsert.category",
        "upsert.unit_price",
      ]);
    });

    test.each(["", "a b", "a".repeat(65), "a\0"])("%j as what to delete", async (id) => {
      const [rejected, next] = await importAll([remove(id), upsert(product())]);
      expect(violationsOf(rejected)).toEqual([{ field: "delete_product_id", description: idRule }]);
      expect(outcomesOf(next === undefined ? [] : [next])).toEqual(["created"]);
    });

    test("a request for nothing", async () => {
      const [rejected, next] = await importAll([{ sequence: 5n }, upsert(product())]);
      expect(rejected?.sequence).toBe(5n);
      expect(violationsOf(rejected)).toEqual([
        { field: "operation", description: "must be one of upsert, delete_product_id" },
      ]);
      expect(outcomesOf(next === undefined ? [] : [next])).toEqual(["created"]);
    });

    test("any number of bad rows among good ones", async () => {
      const good = (i: number) => i % 7 === 0;
      const requests = Array.from({ length: 1_500 }, (_, i) =>
        upsert(good(i) ? product() : { id: `bad-${i}` }, BigInt(i)),
      );
      expect(outcomesOf(await importAll(requests))).toEqual(
        requests.map((_, i) => (good(i) ? "created" : "rejected")),
      );
    });
  });

  describe("ImportProducts keeps to the letter", () => {
    test.each<readonly [string, Partial<Product>]>([
      [
        "texts at their limits",
        { name: "n".repeat(200), description: "d".repeat(10_000), category: "c".repeat(100) },
      ],
      [
        "emoji at their limits",
        { name: "🦊".repeat(200), description: "🦊".repeat(10_000), category: "🦊".repeat(100) },
      ],
      ["white space", { name: " ", description: "\t\r\n ", category: "\u00a0" }],
      [
        "SQL",
        { name: "'); drop table products; --", description: '$1 \\ " {} NULL', category: "%_" },
      ],
      [
        "accents, composed and not",
        { name: "\u00e9 e\u0301", description: "\ufb01 \ufb00", category: "\u0130\u0131" },
      ],
      ["texts from right to left", { name: "\u202eمرحبا\u202c", category: "שלום" }],
      ["control characters", { name: "\u0001\u007f\u0085", description: "\u200b\ufeff\ufffe" }],
      [
        "the highest price",
        {
          unitPrice: {
            currencyCode: "XXX",
            units: int64.max,
            nanos: 999_999_999,
          },
        },
      ],
      ["no price at all", { unitPrice: { currencyCode: "XXX", units: 0n, nanos: 0 } }],
      ["the least price", { unitPrice: { currencyCode: "XXX", units: 0n, nanos: 1 } }],
    ])("%s", async (_, change) => {
      const given = product(change);
      expect(outcomesOf(await importAll([upsert(given), upsert(given)]))).toEqual([
        "created",
        "unchanged",
      ]);
      const { units = 0n, nanos = 0 } = given.unitPrice ?? {};
      expect(await get(given.id)).toEqual({
        ...given,
        price: Math.fround(Number(units) + nanos / 1e9),
      });
    });

    test("what cannot be sent, as what was sent in its place", async () => {
      const { id } = product();
      const answers = await importAll([
        upsert(product({ id, name: "a\ud800", category: "\udfffb" })),
      ]);
      expect(outcomesOf(answers)).toEqual(["created"]);
      expect(await get(id)).toMatchObject({ name: "a\ufffd", category: "\ufffdb" });
    });
  });
}

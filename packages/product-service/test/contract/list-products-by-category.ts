import { describe, expect, test } from "@jest/globals";
import { Code } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { gather, outcomesOf, product, remove, unique, upsert } from "./messages.ts";

export function listProductsByCategoryContract(service: () => TestService): void {
  describe("ListProductsByCategory", () => {
    async function idsIn(category: string): Promise<string[]> {
      const listed = await gather(service().products.listProductsByCategory({ category }));
      return listed.map(({ id }) => id);
    }

    /** Fills a new category; its name, and the products' ids in order. */
    async function fill(count: number): Promise<{ category: string; ids: string[] }> {
      const category = unique("category");
      const ids = Array.from(
        { length: count },
        (_, i) => `${category}.${String(i).padStart(4, "0")}`,
      );
      const requests = ids.map((id) => upsert(product({ id, category })));
      await gather(service().products.importProducts(requests));
      return { category, ids };
    }

    test("streams the products of the category, in full", async () => {
      expect(
        await gather(service().products.listProductsByCategory({ category: "Books" })),
      ).toEqual([await service().products.getProduct({ productId: "p004" })]);
      expect(await idsIn("Electronics")).toEqual(["p001", "p002", "p003"]);
    });

    test("orders by id, byte by byte", async () => {
      const category = unique("category");
      const ids = ["b", "a", "B", "_", "-", ".", "9", "10", "A.1"].map((id) => `${category}${id}`);
      const requests = ids.map((id) => upsert(product({ id, category })));
      await gather(service().products.importProducts(requests));
      expect(await idsIn(category)).toEqual(
        ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
    });

    test.each([
      ["that nobody has", "Gardening"],
      ["in another case", "books"],
      ["with a space", "Books "],
      ["with a pattern", "%"],
      ["with a NUL", "Books\0"],
      ["with a lone surrogate", "Books\ud800"],
      ["with SQL", "Books' or '1'='1"],
      ["that is too long", "🦊".repeat(2 ** 15)],
    ])("is empty for a category %s", async (_, category) => {
      expect(await idsIn(category)).toEqual([]);
    });

    test("asks for a category", async () => {
      await expect(gather(service().products.listProductsByCategory({}))).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [{ field: "category", description: "must not be empty" }],
      });
    });

    test.each([100, 101, 200])("streams %i products, each once", async (count) => {
      const { category, ids } = await fill(count);
      expect(await idsIn(category)).toEqual(ids);
    });

    test("goes on where it was, whatever changes meanwhile", async () => {
      const { products } = service();
      const { category, ids } = await fill(1_200);
      const stream = products.listProductsByCategory({ category });
      const first = await stream.next();
      expect(first.value?.id).toBe(ids[0]);

      const changes = [
        // Behind the reader and ahead of it: neither shifts what it gets.
        remove(ids[0] ?? ""),
        upsert(product({ id: `${category}.!`.replace("!", "-"), category })),
        remove(ids[1_100] ?? ""),
        upsert(product({ id: `${category}.9999`, category })),
      ];
      const answers = await gather(products.importProducts(changes));
      expect(outcomesOf(answers)).toEqual(["deleted", "created", "deleted", "created"]);

      const rest = (await gather(stream)).map(({ id }) => id);
      expect(new Set(rest).size).toBe(rest.length);
      expect(rest).toEqual(rest.toSorted());
      const unchanged = ids.filter((_, i) => i !== 0 && i !== 1_100);
      expect(rest.filter((id) => unchanged.includes(id))).toEqual(unchanged);
    });

    test("ends when its reader leaves", async () => {
      const { category, ids } = await fill(300);
      for await (const { id } of service().products.listProductsByCategory({ category })) {
        expect(id).toBe(ids[0]);
        break;
      }
      expect(await idsIn(category)).toHaveLength(300);
    });
  });
}

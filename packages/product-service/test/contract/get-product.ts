import { describe, expect, test } from "@jest/globals";
import { Code } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { gather, outcomesOf, product, upsert } from "./messages.ts";

export function getProductContract(service: () => TestService): void {
  describe("GetProduct", () => {
    test("answers with the product, its price exact and rounded", async () => {
      expect(await service().products.getProduct({ productId: "p004" })).toEqual({
        id: "p004",
        name: "The Python Guide",
        description: "A book for Pythonistas",
        price: Math.fround(45.99),
        category: "Books",
        unitPrice: { currencyCode: "USD", units: 45n, nanos: 990_000_000 },
      });
    });

    test.each(["p001", "p002", "p003", "p004"])("knows %s from the start", async (productId) => {
      expect(await service().products.getProduct({ productId })).toMatchObject({ id: productId });
    });

    test.each(["__proto__", "constructor", "toString", "..", "-", "a".repeat(64)])(
      "finds the id %s once it was imported, and not before",
      async (productId) => {
        const { products } = service();
        await expect(products.getProduct({ productId })).rejects.toMatchObject({
          code: Code.NOT_FOUND,
        });
        const answers = await gather(products.importProducts([upsert(product({ id: productId }))]));
        expect(outcomesOf(answers)).toEqual(["created"]);
        expect(await products.getProduct({ productId })).toMatchObject({ id: productId });
      },
    );

    test.each([
      ["that nobody has", "p005"],
      ["in another case", "P001"],
      ["with a space", "p001 "],
      ["with a NUL", "p001\0"],
      ["with a lone surrogate", "p001\ud800"],
      ["with an emoji", "🦊"],
      ["with SQL", "p001' or '1'='1"],
      ["with a pattern", "p00%"],
      ["that is too long", "a".repeat(65)],
      ["that is far too long", "é".repeat(2 ** 16)],
    ])("answers an id %s with PRODUCT_NOT_FOUND", async (_, productId) => {
      await expect(service().products.getProduct({ productId })).rejects.toMatchObject({
        code: Code.NOT_FOUND,
        reason: "PRODUCT_NOT_FOUND",
        violations: [],
      });
    });

    test("asks for an id", async () => {
      await expect(service().products.getProduct({})).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [{ field: "product_id", description: "must not be empty" }],
      });
    });
  });
}

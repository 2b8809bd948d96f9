import { describe, expect, test } from "@jest/globals";
import {
  checkImportProductsRequest,
  type ImportProductsRequest,
  ImportProductsResponse,
  Product as WireProduct,
} from "@org/contracts/product/v1";
import type { CheckedRequest } from "@org/kit";
import fc from "fast-check";
import { fromRequest, toRejection, toResponse, toWire } from "../src/handlers/mapping.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "\0", "\ud800", "__proto__"),
);

/** A request as the kit hands it to the handler. */
function checked(request: ImportProductsRequest): CheckedRequest<ImportProductsRequest> {
  return { request, violations: checkImportProductsRequest(request) ?? [] };
}

/** Any message that can come, wrong or right. */
const anyRequest: fc.Arbitrary<ImportProductsRequest> = fc.record({
  sequence: int64,
  operation: fc.option(
    fc.oneof(
      fc.record({ $case: fc.constant("deleteProductId" as const), value: anyText }),
      fc.record({
        $case: fc.constant("upsert" as const),
        value: fc.record({
          id: anyText,
          name: anyText,
          description: anyText,
          price: fc.float(),
          category: anyText,
          unitPrice: fc.option(fc.record({ currencyCode: anyText, units: int64, nanos: int32 }), {
            nil: undefined,
          }),
        }),
      }),
    ),
    { nil: undefined },
  ),
});

function text(min: number, max: number): fc.Arbitrary<string> {
  const character = fc
    .string({ unit: "binary", minLength: 1, maxLength: 1 })
    .filter((c) => c !== "\0" && c.isWellFormed());
  return fc.array(character, { minLength: min, maxLength: max }).map((all) => all.join(""));
}

/** Any product that may be. */
const goodProduct: fc.Arbitrary<WireProduct> = fc
  .record({
    id: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
    name: text(1, 200),
    description: text(0, 300),
    category: text(1, 100),
    unitPrice: fc.record({
      currencyCode: fc.stringMatching(/^[A-Z]{3}$/),
      units: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      nanos: fc.integer({ min: 0, max: 999_999_999 }),
    }),
  })
  .map((product) => {
    const { units, nanos } = product.unitPrice;
    return { ...product, price: Math.fround(Number(units) + nanos / 1e9) };
  });

describe("fromRequest", () => {
  test("knows for each message what to do, or what is wrong", () => {
    const fields = new Set(
      ["id", "name", "description", "category", "unit_price"].map((name) => `upsert.${name}`),
    )
      .add("delete_product_id")
      .add("operation");
    fc.assert(
      fc.property(anyRequest, (request) => {
        const change = fromRequest(checked(request));
        const taken = "kind" in change ? change.kind : undefined;
        const asked = request.operation?.$case === "upsert" ? "upsert" : "delete";
        expect([asked, undefined]).toContain(taken);

        const violations = "kind" in change ? [] : change;
        expect(violations.length > 0).toBe(taken === undefined);
        expect([...fields]).toEqual(expect.arrayContaining(violations.map(({ field }) => field)));
        expect(violations.filter(({ description }) => !description.startsWith("must "))).toEqual(
          [],
        );
      }),
    );
  });

  test("takes each product that may be, and toWire gives it back", () => {
    fc.assert(
      fc.property(goodProduct, (wire) => {
        const change = fromRequest(
          checked({ sequence: 0n, operation: { $case: "upsert", value: wire } }),
        );
        if (!("kind" in change) || change.kind !== "upsert") throw new Error("was not taken");
        const bytes = WireProduct.encode(toWire(change.product)).finish();
        expect(WireProduct.decode(bytes)).toEqual(wire);
      }),
    );
  });
});

describe("answers", () => {
  test.each(["created", "updated", "unchanged", "deleted"] as const)("%s is sent", (outcome) => {
    fc.assert(
      fc.property(int64, (sequence) => {
        const answer = toResponse(sequence, outcome);
        expect(
          ImportProductsResponse.decode(ImportProductsResponse.encode(answer).finish()),
        ).toEqual({
          sequence,
          outcome: { created: 1, updated: 2, unchanged: 3, deleted: 4 }[outcome],
          violations: [],
        });
      }),
    );
  });

  test("a rejection is sent with all it says", () => {
    const violations = fc.array(fc.record({ field: text(0, 20), description: text(0, 20) }));
    fc.assert(
      fc.property(int64, violations, (sequence, given) => {
        const answer = ImportProductsResponse.encode(toRejection(sequence, given)).finish();
        expect(ImportProductsResponse.decode(answer)).toMatchObject({
          sequence,
          outcome: 5,
          violations: given,
        });
      }),
    );
  });
});

import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createPageTokens } from "../src/handlers/page-token.ts";

const tokens = createPageTokens(randomBytes(32));
const order = fc.constantFrom("oldestFirst" as const, "newestFirst" as const);
const id = fc.uuid();

describe("a page token", () => {
  test("is read as what was written", () => {
    fc.assert(
      fc.property(order, id, (given, afterId) => {
        const token = tokens.write(given, afterId);
        expect(token).toMatch(/^[A-Za-z0-9_-]{44}$/);
        expect(tokens.read(given, token)).toBe(afterId);
      }),
    );
  });

  test("is refused for the other order", () => {
    fc.assert(
      fc.property(id, (afterId) => {
        expect(tokens.read("newestFirst", tokens.write("oldestFirst", afterId))).toBeUndefined();
        expect(tokens.read("oldestFirst", tokens.write("newestFirst", afterId))).toBeUndefined();
      }),
    );
  });

  test("is refused with any of its bits flipped", () => {
    fc.assert(
      fc.property(order, id, (given, afterId) => {
        const written = Buffer.from(tokens.write(given, afterId), "base64url");
        for (let bit = 0; bit < written.length * 8; bit += 1) {
          const flipped = Buffer.from(written);
          flipped.writeUInt8(written.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
          expect(tokens.read(given, flipped.toString("base64url"))).toBeUndefined();
        }
      }),
      { numRuns: 10 },
    );
  });

  test("is refused with any of its letters replaced, added or left out", () => {
    fc.assert(
      fc.property(
        order,
        id,
        fc.nat(44),
        fc.string({ unit: "binary" }),
        (given, afterId, at, text) => {
          const token = tokens.write(given, afterId);
          const changes = [
            `${token.slice(0, at)}${text}${token.slice(at)}`,
            `${token.slice(0, at)}${text}${token.slice(at + 1)}`,
            `${token.slice(0, at)}${token.slice(at + 1)}`,
          ];
          for (const changed of changes.filter((each) => each !== token)) {
            expect(tokens.read(given, changed)).toBeUndefined();
          }
        },
      ),
    );
  });

  test("is refused where another key wrote it", () => {
    fc.assert(
      fc.property(order, id, fc.uint8Array({ maxLength: 64 }), (given, afterId, key) => {
        const foreign = createPageTokens(Buffer.from(key)).write(given, afterId);
        expect(tokens.read(given, foreign)).toBeUndefined();
      }),
    );
  });

  test("is refused where nobody wrote it", () => {
    const nonsense = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .uint8Array({ minLength: 33, maxLength: 33 })
        .map((all) => Buffer.from(all).toString("base64url")),
    );
    fc.assert(
      fc.property(order, nonsense, (given, text) => {
        expect(tokens.read(given, text)).toBeUndefined();
      }),
    );
  });
});

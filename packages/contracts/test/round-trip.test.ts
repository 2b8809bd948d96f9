import { fromBinary, fromJsonString, toBinary, toJson } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { contractMessages } from "./contract.ts";
import { independentMessage } from "./independent-message.ts";
import { messageArbitrary } from "./message-arbitrary.ts";

const runs = { numRuns: 300 };

test("the contract's messages are found", () => {
  const names = contractMessages.map(({ name }) => name);
  expect(names).toContain("org.product.v1.ImportProductsRequest");
  expect(names).toContain("org.user.v1.User");
});

describe.each(contractMessages)("$name", ({ descriptor, type }) => {
  const messages = messageArbitrary(descriptor, { openEnums: true });
  // ts-proto's JSON has no place for an enum's number without a name: it becomes UNRECOGNIZED.
  const namedEnums = messageArbitrary(descriptor, { openEnums: false });

  test("survives being encoded and decoded", () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(type.decode(type.encode(message).finish())).toEqual(message);
      }),
      runs,
    );
  });

  test("is encoded to the bytes of an independent encoder", () => {
    fc.assert(
      fc.property(messages, (message) => {
        const expected = toBinary(descriptor, independentMessage(descriptor, message));
        expect(Buffer.from(type.encode(message).finish())).toEqual(Buffer.from(expected));
      }),
      runs,
    );
  });

  test("is understood by an independent decoder, which leaves nothing over", () => {
    fc.assert(
      fc.property(messages, (message) => {
        const decoded = fromBinary(descriptor, type.encode(message).finish());
        // What the decoder does not know would be in $unknown, which the expected message has not.
        expect(decoded).toEqual(independentMessage(descriptor, message));
      }),
      runs,
    );
  });

  test("survives JSON", () => {
    fc.assert(
      fc.property(namedEnums, (message) => {
        const json: unknown = JSON.parse(JSON.stringify(type.toJSON(message)));
        expect(type.fromJSON(json)).toEqual(message);
      }),
      runs,
    );
  });

  test("has the JSON of an independent implementation, and reads it", () => {
    fc.assert(
      fc.property(namedEnums, (message) => {
        const theirs = independentMessage(descriptor, message);
        const json = JSON.stringify(type.toJSON(message));
        expect(JSON.parse(json)).toEqual(toJson(descriptor, theirs));
        expect(fromJsonString(descriptor, json)).toEqual(theirs);
      }),
      runs,
    );
  });

  test("is read past fields that a newer contract may add", () => {
    fc.assert(
      fc.property(messages, fc.uint8Array(), (message, content) => {
        const known = type.encode(message).finish();
        expect(type.decode(Buffer.concat([known, newerFields(content)]))).toEqual(message);
      }),
      runs,
    );
  });
});

/** Fields that no message has: one of each wire type that proto3 uses. */
function newerFields(content: Uint8Array): Uint8Array {
  const number = 50_000;
  return new BinaryWriter()
    .tag(number, WireType.Varint)
    .uint64(2n ** 64n - 1n)
    .tag(number + 1, WireType.Bit64)
    .double(1.5)
    .tag(number + 2, WireType.LengthDelimited)
    .bytes(content)
    .tag(number + 3, WireType.Bit32)
    .float(1.5)
    .finish();
}

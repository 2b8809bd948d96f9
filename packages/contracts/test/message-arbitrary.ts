import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

/** What values may come. */
export interface MessageArbitraryOptions {
  /** Whether enum fields may hold numbers that the contract has no name for, as a newer peer's may. */
  readonly openEnums: boolean;
}

/** How deep messages are nested in messages before their message fields stay absent. */
const maxDepth = 4;

/**
 * Any value of a message as our generated code has it, derived from the message's descriptor.
 * Throws for a kind of field that it does not know.
 */
export function messageArbitrary(
  descriptor: DescMessage,
  options: MessageArbitraryOptions,
  depth = 0,
): fc.Arbitrary<object> {
  const fields = descriptor.members.map((member) => {
    const values =
      member.kind === "oneof"
        ? oneofValues(member, options, depth)
        : fieldValues(member, options, depth);
    return [member.localName, values] as const;
  });
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true });
}

function oneofValues(
  { fields }: DescOneof,
  options: MessageArbitraryOptions,
  depth: number,
): fc.Arbitrary<unknown> {
  const cases = fields.map((field) =>
    fc.record(
      { $case: fc.constant(field.localName), value: singleValues(field, options, depth) },
      { noNullPrototype: true },
    ),
  );
  return fc.oneof(fc.constant(undefined), ...cases);
}

function fieldValues(
  field: DescField,
  options: MessageArbitraryOptions,
  depth: number,
): fc.Arbitrary<unknown> {
  if (field.fieldKind === "list") {
    return fc.array(singleValues(field, options, depth), { maxLength: 5 });
  }
  if (field.presence !== FeatureSet_FieldPresence.EXPLICIT) {
    return singleValues(field, options, depth);
  }
  if (depth >= maxDepth) return fc.constant(undefined);
  return fc.option(singleValues(field, options, depth), { nil: undefined });
}

/** The values of a field that is set, or of one element of a list. */
function singleValues(
  field: DescField,
  options: MessageArbitraryOptions,
  depth: number,
): fc.Arbitrary<unknown> {
  if (field.fieldKind === "map") throw new Error(`${field.toString()}: maps are not drawn yet`);
  if (field.message !== undefined) return messageArbitrary(field.message, options, depth + 1);
  if (field.enum !== undefined) {
    const known = fc.constantFrom(...field.enum.values.map(({ number }) => number));
    return options.openEnums ? fc.oneof(known, scalarValues(ScalarType.INT32)) : known;
  }
  return scalarValues(field.scalar);
}

function scalarValues(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      // Any characters, those outside of the basic plane and NUL included.
      return fc.string({ unit: "binary" });
    case ScalarType.BYTES:
      return fc.uint8Array().map((bytes) => Buffer.from(bytes));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.FLOAT:
      return withExtremes(fc.float().map(withoutNegativeZero), NaN, Infinity, -Infinity);
    case ScalarType.DOUBLE:
      return withExtremes(fc.double().map(withoutNegativeZero), NaN, Infinity, -Infinity);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return withExtremes(fc.integer(), -(2 ** 31), 2 ** 31 - 1);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return withExtremes(fc.nat(2 ** 32 - 1), 0, 2 ** 32 - 1);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return withExtremes(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        ...[-(2n ** 63n), 2n ** 63n - 1n],
      );
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return withExtremes(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), 2n ** 64n - 1n);
  }
}

function withExtremes<T>(values: fc.Arbitrary<T>, ...extremes: T[]): fc.Arbitrary<T> {
  return fc.oneof({ arbitrary: values, weight: 4 }, fc.constantFrom(...extremes));
}

/** ts-proto takes -0 for the default 0, and does not send it. */
function withoutNegativeZero(value: number): number {
  return value === 0 ? 0 : value;
}

/** Holds the comparison of rules against protovalidate itself, on rules that nobody thought of. */
import {
  create,
  createFileRegistry,
  type DescField,
  fromJson,
  type JsonObject,
  type JsonValue,
  setExtension,
} from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import {
  field as fieldOption,
  FieldRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { narrowerField } from "./field-narrowing.ts";

type Rules = Readonly<Record<string, JsonValue | undefined>>;

const texts = fc.string({ unit: fc.constantFrom("a", "b", "é"), maxLength: 3 });
const sizes = fc.integer({ min: 0, max: 4 });
const whole = fc.integer({ min: -2, max: 3 });
const fractions = fc.constantFrom<JsonValue>(-1, 0, 0.5, 1, "Infinity");

/** Each rule mostly is not there. */
function rare<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: value },
  );
}

/** One of the rules that bound a value from one side. */
function side(one: string, other: string, value: fc.Arbitrary<JsonValue>): fc.Arbitrary<Rules> {
  return fc
    .record({ rule: fc.constantFrom(one, other), value: fc.option(value, { nil: undefined }) })
    .map(({ rule, value: bound }) => ({ [rule]: bound }));
}

function numbers(value: fc.Arbitrary<JsonValue>): fc.Arbitrary<Rules> {
  const lists = fc.array(value, { minLength: 1, maxLength: 3 });
  return fc
    .tuple(
      side("gt", "gte", value),
      side("lt", "lte", value),
      fc.record({ const: rare(value), in: rare(lists), not_in: rare(lists) }),
    )
    .map(([lower, upper, rest]) => ({ ...lower, ...upper, ...rest }));
}

const kinds = {
  string: {
    type: Type.STRING,
    rules: fc.record({
      ...{ const: rare(texts), in: rare(fc.array(texts, { minLength: 1, maxLength: 3 })) },
      ...{ not_in: rare(fc.array(texts, { minLength: 1, maxLength: 3 })), len: rare(sizes) },
      ...{ min_len: rare(sizes), max_len: rare(sizes), min_bytes: rare(sizes) },
      ...{ max_bytes: rare(sizes), prefix: rare(texts), suffix: rare(texts) },
      ...{ contains: rare(texts), not_contains: rare(texts) },
      pattern: rare(fc.constantFrom("^a*$", "^[ab]+$")),
    }),
    values: ["", ...combined(1), ...combined(2), ...combined(3), "aaaa", "ababa", "éééé"],
  },
  int32: {
    type: Type.INT32,
    rules: numbers(whole),
    values: [-2147483648, -3, -2, -1, 0, 1, 2, 3, 4],
  },
  double: {
    type: Type.DOUBLE,
    rules: fc
      .tuple(numbers(fractions), fc.record({ finite: rare(fc.boolean()) }))
      .map(([range, rest]) => ({ ...range, ...rest })),
    values: ["-Infinity", -2, -1, -0.5, 0, 0.25, 0.5, 0.75, 1, 2, "Infinity", "NaN"],
  },
};

function combined(length: number): string[] {
  return length === 0
    ? [""]
    : ["a", "b", "é"].flatMap((one) => combined(length - 1).map((rest) => one + rest));
}

const places = fc.record({
  ignore: rare(fc.constantFrom("IGNORE_IF_ZERO_VALUE", "IGNORE_ALWAYS")),
  required: rare(fc.boolean()),
});

/** Rules before and after, which have much in common. */
function changed(rules: fc.Arbitrary<Rules>): fc.Arbitrary<readonly [Rules, Rules]> {
  const kept = fc.infiniteStream(fc.boolean());
  return fc.tuple(rules, rules, kept).map(([before, other, keeps]) => {
    const after: Record<string, JsonValue | undefined> = {};
    for (const name of Object.keys({ ...before, ...other })) {
      after[name] = (keeps.next().value === true ? before : other)[name];
    }
    return [before, withoutDoubles(after)] as const;
  });
}

/** A .proto file cannot have two bounds on one side. */
function withoutDoubles(rules: Rules): Rules {
  const { gte, lte, ...rest } = rules;
  return {
    ...rest,
    ...(rest["gt"] === undefined && gte !== undefined ? { gte } : {}),
    ...(rest["lt"] === undefined && lte !== undefined ? { lte } : {}),
  };
}

const validator = createValidator();

test.each(
  Object.entries(kinds).flatMap(([kind, { type, rules, values }]) => [
    { kind, type, rules, shape: "single", messages: [{}, ...values.map((f) => ({ f }))] },
    {
      ...{ kind, type, rules, shape: "optional" },
      messages: [{}, ...values.map((f) => ({ f }))],
    },
    {
      ...{ kind, type, rules, shape: "repeated" },
      messages: [[], ...values.map((f) => [f]), values.slice(0, 2), values.slice(2, 6)].map(
        (f) => ({ f }),
      ),
    },
  ]),
)("what was accepted and is refused is found: $shape $kind", (place) => {
  const { kind, type, rules, shape, messages } = place;
  const own = shape === "repeated" ? changedLists(kind, rules) : changedValues(kind, rules);
  const missed = fc.check(
    fc.property(own, fc.tuple(places, places), ([before, after], [placeBefore, placeAfter]) => {
      const base = fieldWith(type, shape, { ...before, ...placeBefore });
      const current = fieldWith(type, shape, { ...after, ...placeAfter });
      const isLost = messages.some((each) => accepts(base, each) && !accepts(current, each));
      // The other way round, there are findings about what none of these messages has.
      return !isLost || narrowerField(base, current).length > 0;
    }),
    { numRuns: 200 },
  );
  expect(missed.failed ? missed.counterexample : undefined).toBeUndefined();
});

function changedValues(
  kind: string,
  rules: fc.Arbitrary<Rules>,
): fc.Arbitrary<readonly [Rules, Rules]> {
  return changed(rules).map(([before, after]) => [
    { [kind]: json(before) },
    { [kind]: json(after) },
  ]);
}

function changedLists(
  kind: string,
  rules: fc.Arbitrary<Rules>,
): fc.Arbitrary<readonly [Rules, Rules]> {
  const items = fc
    .tuple(changedValues(kind, rules), rare(fc.constantFrom("IGNORE_IF_ZERO_VALUE")))
    .map(([pair, ignore]) => pair.map((each) => json({ ...each, ignore })));
  const list = fc.record({
    min_items: rare(sizes),
    max_items: rare(sizes),
    unique: rare(fc.boolean()),
  });
  return fc
    .tuple(changed(list), items)
    .map(([[before, after], [itemsBefore, itemsAfter]]) => [
      { repeated: json({ ...before, items: itemsBefore }) },
      { repeated: json({ ...after, items: itemsAfter }) },
    ]);
}

function json(rules: Rules): JsonObject {
  return Object.fromEntries(
    Object.entries(rules).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function accepts({ parent }: DescField, message: JsonObject): boolean {
  const { kind, error } = validator.validate(parent, fromJson(parent, message));
  if (kind === "error") throw error;
  return kind === "valid";
}

/** A message's only field, `f`, with these rules. */
function fieldWith(type: Type, shape: string, rules: Rules): DescField {
  const options = create(FieldOptionsSchema);
  setExtension(options, fieldOption, fromJson(FieldRulesSchema, json(rules)));
  const label = shape === "repeated" ? Label.REPEATED : Label.OPTIONAL;
  const optional = shape === "optional" ? { proto3Optional: true, oneofIndex: 0 } : {};
  const field = create(FieldDescriptorProtoSchema, {
    ...{ name: "f", jsonName: "f", number: 1, type, label, options },
    ...optional,
  });
  const message = create(DescriptorProtoSchema, {
    name: "Request",
    field: [field],
    oneofDecl: shape === "optional" ? [{ name: "_f" }] : [],
  });
  const file = create(FileDescriptorProtoSchema, {
    ...{ name: "request.proto", syntax: "proto3", messageType: [message] },
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const [found] = registry.getMessage("Request")?.fields ?? [];
  if (found === undefined) throw new Error("the field is not there");
  return found;
}

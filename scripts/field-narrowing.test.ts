import { expect, test } from "@jest/globals";
import { type Change, request, testChanges } from "./contract-changes.ts";

const enumeration = "enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; COLOR_BLUE = 2; }";

/** A change of the rules of one field of a request, which narrows it or not. */
function rules(
  narrows: "narrower" | "not narrower",
  type: string,
  before: string,
  after: string,
): Change {
  const field = (text: string): string =>
    `${enumeration} message Inner { string s = 1 [(buf.validate.field).required = true]; }
     message Request { ${type} f = 1${text === "" ? "" : ` [${text.replaceAll("$.", "(buf.validate.field).")}]`}; }`;
  const findings = narrows === "narrower" ? ["FIELD_RULE_TIGHTENED Request.f"] : [];
  return request(
    `${type}: ${before || "nothing"} → ${after || "nothing"}`,
    field(before),
    field(after),
    ...findings,
  );
}

const narrower = "narrower";
const same = "not narrower";
const fieldRules: readonly Change[] = [
  // Bounds of whole numbers, which `gt` and `gte` can say alike.
  rules(narrower, "int32", "$.int32 = {gte: 0, lte: 150}", "$.int32 = {gte: 0, lte: 149}"),
  rules(narrower, "int32", "$.int32 = {gte: 0, lte: 150}", "$.int32 = {gte: 1, lte: 150}"),
  rules(narrower, "int32", "", "$.int32.gt = 0"),
  rules(narrower, "int32", "", "$.int32.lte = 2147483646"),
  rules(narrower, "int32", "$.int32 = {lt: 0, gt: 10}", "$.int32 = {lt: 0, gt: 11}"),
  rules(narrower, "int32", "$.int32.gte = 0", "$.int32 = {lt: 5, gt: 10}"),
  rules(narrower, "uint64", "", "$.uint64.gt = 0"),
  rules(same, "int32", "$.int32 = {gte: 0, lte: 150}", "$.int32 = {gte: -1, lte: 151}"),
  rules(same, "int32", "$.int32 = {gte: 1, lte: 9}", "$.int32 = {gt: 0, lt: 10}"),
  rules(same, "int32", "$.int32.gte = 0", ""),
  rules(same, "int32", "", "$.int32.lte = 2147483647"),
  rules(same, "int32", "$.int32 = {lt: 0, gt: 10}", "$.int32 = {lte: 0, gt: 9}"),
  rules(same, "int32", "$.int32.gte = 20", "$.int32 = {lt: 5, gt: 10}"),
  rules(same, "uint32", "", "$.uint32.gte = 0"),
  rules(same, "sfixed64", "$.sfixed64.lt = 9007199254740993", "$.sfixed64.lte = 9007199254740992"),
  rules(
    narrower,
    "sfixed64",
    "$.sfixed64.lt = 9007199254740993",
    "$.sfixed64.lt = 9007199254740992",
  ),
  // Lists of numbers.
  rules(narrower, "int32", "$.int32 = {in: [1, 2]}", "$.int32 = {in: [1]}"),
  rules(narrower, "int32", "$.int32.gte = 1", "$.int32 = {in: [1, 2]}"),
  rules(narrower, "int32", "$.int32.const = 1", "$.int32.const = 2"),
  rules(narrower, "int32", "", "$.int32 = {not_in: [7]}"),
  rules(same, "int32", "$.int32 = {in: [1]}", "$.int32 = {in: [1, 2]}"),
  rules(same, "int32", "$.int32.const = 1", "$.int32 = {in: [1, 2]}"),
  rules(same, "int32", "$.int32 = {in: [1, 2, 3]}", "$.int32 = {gte: 1, lte: 3}"),
  rules(same, "int32", "$.int32 = {gte: 1, lte: 3}", "$.int32 = {in: [3, 2, 1]}"),
  rules(same, "int32", "$.int32.gte = 0", "$.int32 = {gte: 0, not_in: [-1]}"),
  // Fractions, among which is NaN.
  rules(narrower, "double", "$.double.gte = 1.5", "$.double.gt = 1.5"),
  rules(narrower, "double", "", "$.double.finite = true"),
  rules(narrower, "float", "$.float.finite = true", "$.float = {finite: true, lte: 1}"),
  rules(narrower, "double", "", "$.double.gte = -inf"),
  rules(same, "double", "$.double.gt = 1.5", "$.double.gte = 1.5"),
  rules(same, "double", "$.double = {gte: 0, lte: 1}", "$.double.finite = true"),
  rules(same, "double", "$.double.finite = true", "$.double.finite = false"),
  // Texts.
  rules(narrower, "string", "$.string.max_len = 10", "$.string.max_len = 9"),
  rules(narrower, "string", "$.string.max_len = 10", "$.string = {max_len: 10, max_bytes: 10}"),
  rules(narrower, "string", "$.string.max_len = 10", "$.string.len = 10"),
  rules(narrower, "string", "", "$.string.min_len = 1"),
  rules(same, "string", "$.string.max_len = 10", "$.string.max_len = 11"),
  rules(same, "string", "$.string = {min_len: 5, max_len: 5}", "$.string.len = 5"),
  rules(
    same,
    "string",
    "$.string = {min_len: 1, max_len: 5}",
    "$.required = true, $.string.max_len = 5",
  ),
  rules(same, "string", "$.string.min_len = 2", "$.string.min_len = 1"),
  rules(narrower, "string", "$.string.pattern = '^a*$'", "$.string.pattern = '^[ab]*$'"),
  rules(narrower, "string", "", "$.string.pattern = '^a*$'"),
  rules(narrower, "string", "", "$.string.uuid = true"),
  rules(narrower, "string", "$.string.ip = true", "$.string.ipv4 = true"),
  rules(
    narrower,
    "string",
    "$.string = {well_known_regex: KNOWN_REGEX_HTTP_HEADER_NAME, strict: false}",
    "$.string.well_known_regex = KNOWN_REGEX_HTTP_HEADER_NAME",
  ),
  rules(
    same,
    "string",
    "$.string.well_known_regex = KNOWN_REGEX_HTTP_HEADER_NAME",
    "$.string = {well_known_regex: KNOWN_REGEX_HTTP_HEADER_NAME, strict: false}",
  ),
  rules(same, "string", "$.string.pattern = '^a*$'", ""),
  rules(same, "string", "$.string.uuid = true", "$.string.uuid = false"),
  rules(same, "string", "$.string.uuid = true", "$.required = true, $.string.uuid = true"),
  rules(narrower, "string", "$.string.prefix = 'a'", "$.string.prefix = 'ab'"),
  rules(narrower, "string", "$.string.suffix = 'ba'", "$.string.suffix = 'bb'"),
  rules(narrower, "string", "", "$.string.contains = 'a'"),
  rules(narrower, "string", "$.string.not_contains = 'aa'", "$.string.not_contains = 'a'"),
  rules(same, "string", "$.string.prefix = 'ab'", "$.string.prefix = 'a'"),
  rules(same, "string", "$.string.suffix = 'ba'", "$.string.suffix = 'a'"),
  rules(same, "string", "$.string.prefix = 'bar'", "$.string.contains = 'a'"),
  rules(same, "string", "$.string.not_contains = 'a'", "$.string.not_contains = 'aa'"),
  rules(
    narrower,
    "string",
    "$.string = {in: ['a', 'bb']}",
    "$.string = {in: ['a', 'bb'], max_len: 1}",
  ),
  rules(narrower, "string", "$.string = {in: ['a', 'b']}", "$.string = {in: ['a', 'c']}"),
  rules(narrower, "string", "", "$.string = {in: ['a']}"),
  rules(narrower, "string", "", "$.string = {not_in: ['a']}"),
  rules(same, "string", "$.string = {in: ['a', 'bb']}", "$.string.max_len = 2"),
  rules(same, "string", "$.string.const = 'a'", "$.string = {in: ['b', 'a']}"),
  rules(same, "string", "$.string.min_len = 2", "$.string = {min_len: 2, not_in: ['a']}"),
  rules(same, "string", "$.string.max_len = 2", "$.string = {max_len: 2, example: 'a'}"),
  rules(narrower, "bytes", "$.bytes.max_len = 10", "$.bytes.max_len = 9"),
  rules(narrower, "bytes", "$.bytes.prefix = '\\x01'", "$.bytes.prefix = '\\x02'"),
  rules(same, "bytes", "$.bytes = {in: ['\\x01\\xff']}", "$.bytes = {len: 2, suffix: '\\xff'}"),
  // Enums and truth values.
  rules(narrower, "Color", "", "$.enum.defined_only = true"),
  rules(
    narrower,
    "Color",
    "$.enum.defined_only = true",
    "$.enum = {defined_only: true, not_in: [0]}",
  ),
  rules(same, "Color", "$.enum.defined_only = true", ""),
  rules(same, "Color", "$.enum = {in: [1, 2]}", "$.enum.defined_only = true"),
  rules(same, "Color", "$.enum.defined_only = true", "$.enum = {in: [0, 1, 2, 3]}"),
  rules(narrower, "bool", "", "$.bool.const = true"),
  rules(same, "bool", "$.bool.const = false", ""),
  // Whether a value must be there.
  rules(narrower, "string", "", "$.required = true"),
  rules(narrower, "optional string", "", "$.required = true"),
  rules(narrower, "Inner", "", "$.required = true"),
  rules(narrower, "repeated string", "", "$.required = true"),
  rules(narrower, "map<string, string>", "", "$.required = true"),
  rules(same, "string", "$.required = true", ""),
  rules(same, "repeated string", "$.repeated.min_items = 1", "$.required = true"),
  rules(same, "optional string", "$.required = true", ""),
  // What is passed over.
  rules(narrower, "string", "$.required = true, $.ignore = IGNORE_ALWAYS", "$.required = true"),
  rules(
    narrower,
    "string",
    "$.ignore = IGNORE_ALWAYS, $.string.min_len = 2",
    "$.string.min_len = 2",
  ),
  rules(
    narrower,
    "string",
    "$.ignore = IGNORE_IF_ZERO_VALUE, $.string.min_len = 2",
    "$.string.min_len = 2",
  ),
  rules(
    narrower,
    "string",
    "$.ignore = IGNORE_IF_ZERO_VALUE, $.string.pattern = '^a+$'",
    "$.string.pattern = '^a+$'",
  ),
  rules(narrower, "Inner", "$.ignore = IGNORE_ALWAYS", ""),
  rules(
    same,
    "string",
    "$.ignore = IGNORE_IF_ZERO_VALUE, $.string.pattern = '^a*$'",
    "$.string.pattern = '^a*$'",
  ),
  rules(
    same,
    "string",
    "$.string.min_len = 2",
    "$.ignore = IGNORE_IF_ZERO_VALUE, $.string.min_len = 2",
  ),
  rules(same, "string", "$.string.min_len = 2", "$.ignore = IGNORE_ALWAYS, $.string.min_len = 3"),
  rules(
    same,
    "optional string",
    "$.ignore = IGNORE_IF_ZERO_VALUE, $.string.min_len = 2",
    "$.string.min_len = 2",
  ),
  // Lists and maps.
  rules(narrower, "repeated string", "$.repeated.max_items = 3", "$.repeated.max_items = 2"),
  rules(narrower, "repeated string", "", "$.repeated.unique = true"),
  rules(
    narrower,
    "repeated string",
    "$.repeated.items.string.max_len = 3",
    "$.repeated.items.string.max_len = 2",
  ),
  rules(
    narrower,
    "repeated string",
    "$.repeated.items = {ignore: IGNORE_IF_ZERO_VALUE, string: {min_len: 2}}",
    "$.repeated.items.string.min_len = 2",
  ),
  rules(
    same,
    "repeated string",
    "$.repeated = {max_items: 3, unique: true}",
    "$.repeated.max_items = 4",
  ),
  rules(
    same,
    "repeated string",
    "$.repeated.items.string.max_len = 3",
    "$.repeated.items.string.max_len = 4",
  ),
  rules(narrower, "map<string, int32>", "$.map.min_pairs = 1", "$.map.min_pairs = 2"),
  rules(narrower, "map<string, int32>", "", "$.map.keys.string.min_len = 1"),
  rules(narrower, "map<string, Color>", "", "$.map.values.enum.defined_only = true"),
  rules(
    same,
    "map<string, int32>",
    "$.map.keys.string.min_len = 1",
    "$.map.values.int32.gte = -2147483648",
  ),
  // Well-known messages.
  rules(
    narrower,
    "google.protobuf.Duration",
    "$.duration.lte = {seconds: 2}",
    "$.duration.lte = {seconds: 1, nanos: 999999999}",
  ),
  rules(
    same,
    "google.protobuf.Duration",
    "$.duration.lt = {seconds: 2}",
    "$.duration.lte = {seconds: 1, nanos: 999999999}",
  ),
  rules(narrower, "google.protobuf.Timestamp", "", "$.timestamp.lt_now = true"),
  rules(
    narrower,
    "google.protobuf.Timestamp",
    "$.timestamp.within = {seconds: 9}",
    "$.timestamp.within = {seconds: 8}",
  ),
  rules(
    same,
    "google.protobuf.Timestamp",
    "$.timestamp = {lt_now: true, within: {seconds: 8}}",
    "$.timestamp.within = {seconds: 9}",
  ),
  rules(narrower, "google.protobuf.Any", "$.any = {in: ['a', 'b']}", "$.any = {in: ['a']}"),
  rules(same, "google.protobuf.Any", "$.any = {not_in: ['a', 'b']}", "$.any = {not_in: ['a']}"),
  rules(narrower, "google.protobuf.FieldMask", "", "$.field_mask = {in: ['a']}"),
  rules(same, "google.protobuf.FieldMask", "$.field_mask = {in: ['a']}", ""),
  rules(narrower, "google.protobuf.Int32Value", "", "$.int32.gte = 0"),
  rules(same, "google.protobuf.Int32Value", "$.int32.gte = 0", "$.int32.gte = -1"),
  // Expressions.
  rules(narrower, "string", "", "$.cel_expression = 'this == this'"),
  rules(
    narrower,
    "string",
    "$.cel = {id: 'a', expression: 'true'}",
    "$.cel = {id: 'a', expression: 'false'}",
  ),
  rules(
    same,
    "string",
    "$.cel = {id: 'a', expression: 'true'}",
    "$.cel = {id: 'b', expression: 'true'}",
  ),
  rules(same, "string", "$.cel_expression = 'this == this'", ""),
];

const findingsAbout = testChanges(fieldRules);

test("a finding says what was, what is, and where", () => {
  const before = "$.int32 = {gte: 0, lte: 150}";
  expect(findingsAbout(`int32: ${before} → $.int32 = {gte: 0, lte: 149}`)).toEqual([
    {
      rule: "FIELD_RULE_TIGHTENED",
      element: "p0.Request.f",
      message: [
        "The field accepts less: values no longer accepted: 150.",
        "was: { int32: { lte: 150, gte: 0 } }",
        "is:  { int32: { lte: 149, gte: 0 } }",
      ].join("\n"),
      position: { file: "p0.proto", line: 11, column: 24 },
    },
  ]);
});

test("what cannot be told is refused, and says so", () => {
  const [finding] = findingsAbout(
    "string: $.string.pattern = '^a*$' → $.string.pattern = '^[ab]*$'",
  );
  expect(finding?.message).toContain("cannot tell whether pattern is looser than it was");
});

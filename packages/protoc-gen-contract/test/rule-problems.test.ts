/** Does every rule that cannot be translated stop `buf generate`, and is it said where it is? */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { printValidateProto } from "../src/print-validate-proto.ts";
import { BufWorkspace } from "./buf-workspace.ts";
import { reportedProblems, type WrongContract, wrongFiles } from "./wrong-contracts.ts";

const contracts: Readonly<Record<string, WrongContract>> = {
  "expressions in CEL": {
    proto: `message M {
      option (buf.validate.message).cel = {id: "a" expression: "true"};
      option (buf.validate.message).cel_expression = "true";
      string a = 1 [(buf.validate.field).cel = {id: "a" expression: "true"}];
      string b = 2 [(buf.validate.field).cel_expression = "true"];
      repeated string c = 3 [(buf.validate.field).repeated.items.cel = {id: "a" expression: "true"}];
      map<string, string> d = 4 [(buf.validate.field).map.values.cel_expression = "true"];
      string ignored = 5 [(buf.validate.field).ignore = IGNORE_ALWAYS, (buf.validate.field).cel_expression = "true"];
    }`,
    problems: [
      "M: cel",
      "M: cel_expression",
      "M.a: cel",
      "M.b: cel_expression",
      "M.c: cel",
      "M.d: cel_expression",
      "M.ignored: cel_expression",
    ].map(
      (where) =>
        `${where}: expressions in CEL are not translated; say it with the standard rules, or check it in the handler`,
    ),
  },
  "predefined rules": {
    syntax: 'syntax = "proto2";',
    proto: `extend buf.validate.StringRules {
      optional bool shout = 1161 [(buf.validate.predefined).cel = {id: "shout" expression: "true"}];
    }
    message M {
      oneof one { string a = 1 [(buf.validate.field).string.(shout) = true]; }
      repeated string b = 2 [(buf.validate.field).repeated.items.string.(shout) = true];
    }`,
    problems: ["a", "b"].map(
      (field) => `M.${field}: string: the predefined rule with the number 1161 is not translated`,
    ),
  },
  "rules of another type": {
    proto: `message M {
      string a = 1 [(buf.validate.field).int32.gt = 1];
      int32 b = 2 [(buf.validate.field).sint32.gt = 1];
      repeated string c = 3 [(buf.validate.field).string.min_len = 1];
      repeated string d = 4 [(buf.validate.field).repeated.items.bytes.min_len = 1];
      map<string, string> e = 5 [(buf.validate.field).map.keys.int32.gt = 1];
      M f = 6 [(buf.validate.field).string.min_len = 1];
      google.protobuf.Duration g = 7 [(buf.validate.field).timestamp.lt_now = true];
      Enum h = 8 [(buf.validate.field).int32.gt = 1];
      map<string, string> i = 9 [(buf.validate.field).repeated.min_items = 1];
    }
    enum Enum { ENUM_UNSPECIFIED = 0; }`,
    problems: [
      "a: int32: does not fit the field, which can have rules of the type string",
      "b: sint32: does not fit the field, which can have rules of the type int32",
      "c: string: does not fit the field, which can have rules of the type repeated",
      "d: bytes: does not fit the field, which can have rules of the type string",
      "e: int32: does not fit the field, which can have rules of the type string",
      "f: string: does not fit the field, which can have no rules but `required`",
      "g: timestamp: does not fit the field, which can have rules of the type duration",
      "h: int32: does not fit the field, which can have rules of the type enum",
      "i: repeated: does not fit the field, which can have rules of the type map",
    ].map((problem) => `M.${problem}`),
  },
  "what bytes and lists cannot": {
    proto: `message M {
      bytes a = 1 [(buf.validate.field).bytes.pattern = "a"];
      repeated M b = 2 [(buf.validate.field).repeated.unique = true];
      repeated google.protobuf.StringValue c = 3 [(buf.validate.field).repeated.unique = true];
      repeated string d = 4 [(buf.validate.field).repeated.items.required = true];
      map<string, string> e = 5 [(buf.validate.field).map = {keys: {required: true} values: {required: true}}];
    }`,
    problems: [
      "M.a: bytes.pattern: is not translated, as bytes need not be text",
      "M.b: repeated.unique: is not translated for messages",
      "M.c: repeated.unique: is not translated for messages",
      "M.d: required: has no effect on the parts of a list or map",
      "M.e: required: has no effect on the parts of a list or map",
      "M.e: required: has no effect on the parts of a list or map",
    ],
  },
  patterns: {
    proto: `message M {
      string backreference = 1 [(buf.validate.field).string.pattern = "(a)\\\\1"];
      string lookahead = 2 [(buf.validate.field).string.pattern = "a(?=b)"];
      string open = 3 [(buf.validate.field).string.pattern = "(a"];
      string nested = 4 [(buf.validate.field).string.pattern = "^(a+)+$"];
      repeated string alike = 5 [(buf.validate.field).repeated.items.string.pattern = "^(a|a)*$"];
    }`,
    problems: [
      'M.backreference: string.pattern: "(a)\\\\1" is not translated: ',
      'M.lookahead: string.pattern: "a(?=b)" is not translated: ',
      'M.open: string.pattern: "(a" is not translated: ',
      'M.nested: string.pattern: "^(a+)+$" is not translated: ',
      'M.alike: string.pattern: "^(a|a)*$" is not translated: ',
    ],
  },
  "choices of fields": {
    proto: `message M {
      option (buf.validate.message).oneof = {fields: ["a", "nowhere"]};
      option (buf.validate.message).oneof = {fields: ["a", "a"]};
      option (buf.validate.message).oneof = {};
      string a = 1;
    }`,
    problems: [
      'M: message.oneof: there is no field "nowhere"',
      "M: message.oneof: must name at least one field, and none twice",
      "M: message.oneof: must name at least one field, and none twice",
    ],
  },
  "bounds that are no numbers": {
    proto: `message M {
      double a = 1 [(buf.validate.field).double.gt = nan];
      float b = 2 [(buf.validate.field).float = {gte: 1 lt: nan}];
      google.protobuf.DoubleValue c = 3 [(buf.validate.field).double.lte = nan];
    }`,
    problems: ["a: double.gt", "b: float.lt", "c: double.lte"].map(
      (where) => `M.${where}: NaN bounds nothing`,
    ),
  },
  "names that are taken": {
    proto: `service S {}
    message SPolicy {}
    message SReasons {}
    message checkTwo {}
    message Two { string a = 1 [(buf.validate.field).string.min_len = 1]; message In {} }
    message Two_In {}
    enum TwoIn { TWO_IN_UNSPECIFIED = 0; }`,
    problems: [
      "SPolicy: name: SPolicy is also the name of what is generated for the service wrong.",
      "SReasons: name: SReasons is also the name of what is generated for the service wrong.",
      "Two: name: checkTwo is also the name of what is generated for the message wrong.",
      "TwoIn: name: TwoIn is also the name of what is generated for the message wrong.",
    ],
  },
  "presence in proto2": {
    syntax: 'syntax = "proto2";',
    proto: `message M {
      required string a = 1;
      optional string b = 2 [(buf.validate.field).required = true];
      optional int32 c = 3 [(buf.validate.field).int32.gt = 1];
      option (buf.validate.message).oneof = {fields: ["d"]};
      optional int32 d = 4;
      optional int32 fine = 5 [(buf.validate.field).int32.gt = 1, (buf.validate.field).ignore = IGNORE_ALWAYS];
    }`,
    problems: [
      "M.a: required: required fields of proto2 are not supported",
      "M.b: required: cannot be checked, as ts-proto does not tell whether the field is set",
      "M.c: int32: cannot be checked, as ts-proto does not tell whether the field is set",
      "M.d: message.oneof: cannot be checked, as ts-proto does not tell whether the field is set",
    ],
  },
  "presence in an edition": {
    syntax: 'edition = "2023";',
    proto: `message M { int32 a = 1 [(buf.validate.field).int32.gt = 1]; }`,
    problems: ["M.a: int32: cannot be checked, as ts-proto does not tell whether the field is set"],
  },
};

const files = wrongFiles(contracts);
let workspace: BufWorkspace;
let reported: ReadonlyMap<string, string[]>;

beforeAll(async () => {
  workspace = await BufWorkspace.create();
  reported = await reportedProblems(workspace, files);
});

afterAll(() => workspace[Symbol.asyncDispose]());

test.each(files)("$title", ({ file, package: name, problems }) => {
  // Those of all files at once: whoever corrects them need not come back for the next one.
  expect(reported.get(file)).toEqual(
    problems.map((problem) => expect.stringContaining(`${file}: ${name}.${problem}`)),
  );
});

test("a rule that is newer than the plugin", async () => {
  await using other = await BufWorkspace.create();
  const validate = printValidateProto()
    .replace("message FieldRules {", "message FieldRules { optional bool newer = 900;")
    .replace("message MessageRules {", "message MessageRules { optional bool newer = 901;");
  await other.write({ ".protos/buf/validate/validate.proto": validate });
  const [file] = wrongFiles({
    newer: {
      proto: `message M {
        option (buf.validate.message).newer = true;
        string a = 1 [(buf.validate.field).newer = true];
      }`,
      problems: [],
    },
  });
  if (file === undefined) throw new Error("there is a file");
  const found = await reportedProblems(other, [file]);
  expect(found.get(file.file)).toEqual([
    `${file.file}: ${file.package}.M: message: the rule with the number 901 is not known, and not translated`,
    `${file.file}: ${file.package}.M.a: field: the rule with the number 900 is not known, and not translated`,
  ]);
});

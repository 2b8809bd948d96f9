/** Contracts that no style guide would let pass, and that generate all the same. */

const header = (name: string, ...imports: readonly string[]): string =>
  [
    'syntax = "proto3";',
    `package ${name};`,
    ...["buf/validate/validate.proto", "org/contract/v1/options.proto", ...imports].map(
      (path) => `import "${path}";`,
    ),
    "",
  ].join("\n");

const policy = (fields: string): string =>
  `option (org.contract.v1.method) = {${fields} default_timeout: {seconds: 1} max_timeout: {seconds: 1}};`;

const open = policy("public: true");

const notEmpty = "[(buf.validate.field).string.min_len = 1]";

/** Names that mean something in JavaScript, or in the generated code. */
export const words: readonly string[] = [
  ...["class", "constructor", "__proto__", "toString", "valueOf", "hasOwnProperty", "prototype"],
  ...["length", "then", "default", "function", "var", "this", "new", "delete", "typeof", "enum"],
  ...["await", "yield", "arguments", "eval", "name", "value", "found", "message", "index", "key"],
  ...["entry", "inner", "choice", "add", "item", "reader", "writer", "tag", "end", "object"],
];

/** How ts-proto has field names that are not in snake case. */
export const properties: Readonly<Record<string, string>> = {
  a__b: "aB",
  _x: "X",
  y_: "y",
  foo_1_bar: "foo1Bar",
  URL_path: "URLPath",
  fooBar: "fooBar",
  SCREAMING_SNAKE: "screamingSnake",
  _1a: "1a",
  z__: "z",
  HTTP: "HTTP",
  A_: "a",
};

/** Globals of JavaScript that ts-proto lets a message be named like. */
const globals = [
  ...["Array", "Boolean", "Date", "Error", "Function", "Infinity", "JSON", "Long", "NaN", "Number"],
  ...["Object", "Promise", "Readonly", "Record", "RegExp", "Set", "String", "Symbol"],
];

const fields = (
  names: readonly string[],
  field: (name: string, number: number) => string,
): string => names.map((name, index) => `  ${field(name, index + 1)}\n`).join("");

/** The .proto files, by their paths. */
export const oddContracts: Readonly<Record<string, string>> = {
  "proto/odd/words.proto": `${header("odd.v1", "odd/deep/er/deeper.proto")}
message Words {
${fields(words, (name, n) => `string ${name} = ${n} ${notEmpty};`)}}
message Lists {
${fields(words, (name, n) => `repeated string ${name} = ${n} [(buf.validate.field).repeated.items.string.min_len = 1];`)}}
message Maps {
${fields(words, (name, n) => `map<string, Lists> ${name} = ${n} [(buf.validate.field).map.keys.string.min_len = 1];`)}}
message Oneofs {
${fields(words, (name, n) => `oneof ${name} { option (buf.validate.oneof).required = true; string ${name}_text = ${n} ${notEmpty}; Lists ${name}_lists = ${n + 100}; }`)}}
message Members {
  oneof one {
${fields(words, (name, n) => `string ${name} = ${n} ${notEmpty};`)}  }
  Deeper deeper = 100;
}
message Names {
${fields(Object.keys(properties), (name, n) => `string ${name} = ${n} ${notEmpty};`)}  oneof ONE_OF { string IN_ONE = 50 ${notEmpty}; string in_One_2 = 51 ${notEmpty}; }
  oneof two__of_ { option (buf.validate.oneof).required = true; string _u_ = 52 ${notEmpty}; }
}
message snake_case { message inner_one { string a = 1 ${notEmpty}; inner_kind kind = 2; enum inner_kind { INNER_KIND_UNSPECIFIED = 0; } } repeated inner_one ones = 1; }
message NoFields {}
`,
  // The same package in another folder.
  "proto/odd/deep/er/deeper.proto": `${header("odd.v1")}
message Deeper {
  string text = 1 ${notEmpty};
  Deeper.Deep.Deepest deepest = 2;
  message Deep {
    Deepest deepest = 1;
    message Deepest {
      Deeper back = 1;
      Kind kind = 2 [(buf.validate.field).enum.defined_only = true];
      enum Kind { KIND_UNSPECIFIED = 0; }
    }
  }
}
`,
  "proto/odd/globals.proto": `${header("globals.v1")}
${globals.map((name) => `message ${name} { string a = 1 ${notEmpty}; map<int32, string> b = 2 [(buf.validate.field).map.keys.int32.gt = 1]; double c = 3 [(buf.validate.field).double = {lt: inf not_in: nan}]; string d = 4 [(buf.validate.field).string.pattern = "^a?$"]; Object e = 5; }`).join("\n")}
service Service {
  rpc Constructor(Object) returns (Promise) { ${open} }
  rpc ToString(Function) returns (Date) { ${open} }
  rpc Delete(Number) returns (Error) { ${open} }
}
`,
  // Named like what generated code imports or declares.
  "proto/odd/helpers.proto": `${header("helpers.v1", "other/thing.proto")}
message Thing {
  string name = 1 ${notEmpty};
  other.v1.Thing other = 2;
  repeated other.v1.Thing others = 3;
  other.v1.Color color = 4;
  Color own = 5;
  map<string, Thing> by_name = 6;
  repeated Thing things = 7 [(buf.validate.field).repeated.max_items = 2];
  oneof self { Thing me = 8; other.v1.Thing you = 9; }
}
enum Color { COLOR_UNSPECIFIED = 0; }
message ThingSchema { Thing thing = 1; }
message ThingShape { Thing thing = 1; }
message ThingFields { Thing thing = 1; }
message Violation { string x = 1 ${notEmpty}; float f = 2; bytes b = 3; Color c = 4; }
message FieldTable { Violation x = 1; }
message MessageCheck { FieldTable x = 1; }
message add { string x = 1 ${notEmpty}; map<string, string> m = 2 [(buf.validate.field).map.keys.string.min_len = 1]; }
message addWithin { add x = 1; }
message isIn { string x = 1 [(buf.validate.field).string.in = "a"]; }
message constant1 { isIn x = 1; }
message bytes_ { enumeration e = 1; }
enum enumeration { ENUMERATION_UNSPECIFIED = 0; }
message z { z z = 1; bytes zs = 2; }
message found { found found = 1; string message = 2; }
message message { string value = 1 ${notEmpty}; found inner = 2; }
message ThingServiceBase { string a = 1 ${notEmpty}; }
service ThingService {
  rpc Get(Thing) returns (other.v1.Thing) { ${open} }
  rpc Other(other.v1.Thing) returns (other.v1.Thing) { ${open} }
  rpc Base(ThingServiceBase) returns (Violation) { ${open} }
  rpc Check(MessageCheck) returns (MessageCheck) { ${open} }
}
service Second { rpc Get(Thing) returns (Thing) { ${policy('scopes: "a" scopes: "b"')} } }
service Without {}
`,
  "proto/other/thing.proto": `${header("other.v1")}
message Thing { string name = 1 ${notEmpty}; }
enum Color { COLOR_UNSPECIFIED = 0; }
service Third { rpc Get(stream Thing) returns (stream Thing) { ${open} } }
`,
  "proto/known.proto": `${header("known.v1", ...["any", "descriptor", "empty", "field_mask", "struct", "timestamp", "wrappers"].map((name) => `google/protobuf/${name}.proto`), "google/api/annotations.proto")}
extend google.protobuf.FieldOptions { string mine = 50001; }
message Known {
  map<string, google.protobuf.StringValue> wrapped = 1 [(buf.validate.field).map.values.string.min_len = 1];
  map<string, google.protobuf.Struct> structs = 2;
  map<string, google.protobuf.Value> values = 3;
  map<string, google.protobuf.ListValue> lists = 4;
  map<string, google.protobuf.NullValue> nulls = 5;
  repeated google.protobuf.FieldMask masks = 6 [(buf.validate.field).repeated.items.field_mask.in = "a"];
  repeated google.protobuf.Value many = 7;
  repeated google.protobuf.Any any = 8 [(buf.validate.field).repeated.items.any.in = "a"];
  google.protobuf.NullValue null = 9 [(buf.validate.field).enum.defined_only = true];
  google.protobuf.FileDescriptorProto file = 10 [(mine) = "x"];
  map<int32, string> only_keys = 11 [(buf.validate.field).map.keys.int32.gt = 1];
  map<bool, string> only_flags = 12 [(buf.validate.field).map.keys.bool.const = true];
  map<int64, string> only_values = 13 [(buf.validate.field).map.values.string.min_len = 1];
  bytes nothing = 20 [(buf.validate.field).bytes = {const: "" in: ""}];
  google.protobuf.FieldMask no_paths = 21 [(buf.validate.field).field_mask.const = {}];
  string quotes = 22 [(buf.validate.field).string.not_in = "\`\${x}\`*/\\u2028\\"\\n\\\\"];
  oneof one {
    google.protobuf.StringValue text = 14 ${notEmpty};
    google.protobuf.Struct struct = 15 [(buf.validate.field).required = true];
    google.protobuf.Value value = 16;
    google.protobuf.ListValue list = 17;
    google.protobuf.Empty empty = 18;
    google.protobuf.Timestamp time = 19 [(buf.validate.field).timestamp.lt_now = true];
  }
}
service KnownService {
  rpc Empty(google.protobuf.Empty) returns (google.protobuf.Empty) { ${open} }
  rpc get_known(stream google.protobuf.StringValue) returns (google.protobuf.Struct) {
    option (google.api.http) = {get: "/known"};
    ${policy(String.raw`public: true reasons: {name: "A_B" code: ABORTED description: "One | two.\nThree."}`)}
  }
}
`,
  "proto/no_package.proto": `syntax = "proto3";
import "buf/validate/validate.proto";
import "org/contract/v1/options.proto";
message NoPackage { string a = 1 ${notEmpty}; In in = 2; message In { NoPackage out = 1; } }
service NoPackageService { rpc Get(NoPackage) returns (NoPackage) { ${open} } }
`,
  "proto/two.proto": `syntax = "proto2";
package two.v1;
import "buf/validate/validate.proto";
enum Kind { KIND_ONE = 1; KIND_TWO = 2; }
message Two {
  optional int32 number = 1 [default = 5];
  optional Kind kind = 2 [default = KIND_TWO];
  optional Two two = 3;
  optional bytes data = 4;
  repeated int32 numbers = 5 [(buf.validate.field).repeated.items.int32.gt = 3];
  repeated Kind kinds = 6 [(buf.validate.field).repeated.items = {ignore: IGNORE_IF_ZERO_VALUE enum: {const: 2}}];
  map<string, Two> by_name = 7 [(buf.validate.field).map.min_pairs = 1];
  oneof one { string text = 8 [(buf.validate.field).string.min_len = 1]; Two again = 9; }
  extensions 100 to 199;
}
extend Two { optional string extended = 100; }
`,
  "proto/edition.proto": `edition = "2023";
package edition.v1;
import "buf/validate/validate.proto";
message Explicit { int32 number = 1; string text = 2; Kind kind = 3; Explicit more = 4; }
enum Kind { KIND_UNSPECIFIED = 0; }
message Implicit {
  option (buf.validate.message).oneof = {fields: ["text", "number"] required: true};
  string text = 1 [features.field_presence = IMPLICIT, (buf.validate.field).string.min_len = 2];
  int32 number = 2 [features.field_presence = IMPLICIT];
  Implicit more = 3;
  repeated int32 numbers = 4 [features.repeated_field_encoding = EXPANDED, (buf.validate.field).repeated.min_items = 1];
}
`,
};

import { type Change, request, testChanges } from "./contract-changes.ts";

const choice = (text: string): string => `option (buf.validate.message).oneof = { ${text} };`;
const abc = "string a = 1; string b = 2; string c = 3;";
const messages: readonly Change[] = [
  request(
    "fields exclude each other",
    `message Request { ${abc} }`,
    `message Request { ${choice('fields: ["a", "b"]')} ${abc} }`,
    "MESSAGE_ONEOF_TIGHTENED Request",
  ),
  request(
    "another field is excluded",
    `message Request { ${choice('fields: ["a", "b"]')} ${abc} }`,
    `message Request { ${choice('fields: ["a", "b", "c"]')} ${abc} }`,
    "MESSAGE_ONEOF_TIGHTENED Request",
  ),
  request(
    "one of two is needed",
    `message Request { ${choice('fields: ["a", "b"]')} ${abc} }`,
    `message Request { ${choice('fields: ["a", "b"] required: true')} ${abc} }`,
    "MESSAGE_ONEOF_TIGHTENED Request",
  ),
  request(
    "a new field is another choice",
    `message Request { ${choice('fields: ["a", "b"] required: true')} ${abc} }`,
    `message Request { ${choice('fields: ["a", "b", "d"] required: true')} ${abc} string d = 4; }`,
  ),
  request(
    "fewer fields exclude each other",
    `message Request { ${choice('fields: ["a", "b", "c"] required: true')} ${abc} }`,
    `message Request { ${choice('fields: ["b", "c"]')} ${abc} }`,
  ),
  request(
    "the rules of what was excluded hold for what is empty",
    `message Request { ${choice('fields: ["a", "b"]')} string a = 1 [(buf.validate.field).string.min_len = 1]; string b = 2; }`,
    "message Request { string a = 1 [(buf.validate.field).string.min_len = 1]; string b = 2; }",
    "FIELD_RULE_TIGHTENED Request.a",
  ),
  request(
    "an expression is new",
    "message Request {}",
    "message Request { option (buf.validate.message).cel_expression = 'true'; }",
    "MESSAGE_RULE_ADDED Request",
  ),
  request(
    "an expression is gone",
    "message Request { option (buf.validate.message).cel_expression = 'true'; }",
    "message Request {}",
  ),
  request(
    "a oneof is needed",
    "message Request { oneof o { string a = 1; } }",
    "message Request { oneof o { option (buf.validate.oneof).required = true; string a = 1; } }",
    "ONEOF_REQUIRED Request.o",
  ),
  request(
    "a oneof is not needed",
    "message Request { oneof o { option (buf.validate.oneof).required = true; string a = 1; } }",
    "message Request { oneof o { string a = 1; } }",
  ),
  // Fields that callers do not know, and leave out.
  request(
    "a new field is required",
    "message Request {}",
    "message Request { string a = 1 [(buf.validate.field).required = true]; }",
    "FIELD_ADDED_REQUIRED Request.a",
  ),
  request(
    "a new field must not be empty",
    "message Request {}",
    "message Request { string a = 1 [(buf.validate.field).string.uuid = true]; }",
    "FIELD_ADDED_REQUIRED Request.a",
  ),
  request(
    "a new field may be unset",
    "message Request {}",
    "message Request { optional string a = 1 [(buf.validate.field).string.uuid = true]; string b = 2 [(buf.validate.field).string.max_len = 1]; }",
  ),
  request(
    "a new message has rules",
    "message Request {}",
    "message New { string a = 1 [(buf.validate.field).required = true]; } message Request { New a = 1; }",
  ),
  // Messages in messages, and those that are only answers.
  request(
    "a message in a request in a list",
    "message Inner { string a = 1; } message Outer { repeated Inner i = 1; } message Request { map<string, Outer> o = 1; Request r = 2; }",
    "message Inner { string a = 1 [(buf.validate.field).required = true]; } message Outer { repeated Inner i = 1; } message Request { map<string, Outer> o = 1; Request r = 2; }",
    "FIELD_RULE_TIGHTENED Inner.a",
  ),
  request(
    "a message in a request whose rules are ignored",
    "message Inner { string a = 1; } message Request { Inner i = 1 [(buf.validate.field).ignore = IGNORE_ALWAYS]; }",
    "message Inner { string a = 1 [(buf.validate.field).required = true]; } message Request { Inner i = 1 [(buf.validate.field).ignore = IGNORE_ALWAYS]; }",
  ),
  {
    name: "a message that is only answered",
    before:
      "message Request {} message Answer { string a = 1; } service Service { rpc Call(Request) returns (Answer); }",
    after:
      "message Request {} message Answer { string a = 1 [(buf.validate.field).required = true]; } service Service { rpc Call(Request) returns (Answer); }",
    findings: [],
  },
];

testChanges(messages);

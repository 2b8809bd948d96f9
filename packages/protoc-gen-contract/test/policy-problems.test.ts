/** Does every policy that makes no sense stop `buf generate`, and is it said where it is? */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { BufWorkspace } from "./buf-workspace.ts";
import { reportedProblems, type WrongContract, wrongFiles } from "./wrong-contracts.ts";

const timeouts = "default_timeout: {seconds: 1} max_timeout: {seconds: 2}";
const fine = `public: true ${timeouts}`;
const backoff = "initial_backoff: {nanos: 1} max_backoff: {seconds: 1} backoff_multiplier: 2";

function service(body: string): string {
  return `message Empty {} service S { ${body} }`;
}

function policy(fields: string): string {
  return `option (org.contract.v1.method) = {${fields}};`;
}

function method(fields: string): string {
  return service(`rpc Get(Empty) returns (Empty) { ${policy(fields)} }`);
}

function retry(fields: string): string {
  return service(`option (org.contract.v1.service) = {retry: {${fields}}};`);
}

const contracts: Readonly<Record<string, WrongContract>> = {
  "no policy at all": {
    proto: service("rpc Get(Empty) returns (Empty);"),
    problems: [
      "S.Get: (org.contract.v1.method): is missing: every method says who may call it, and for how long",
    ],
  },
  "an empty policy": {
    proto: method(""),
    problems: [
      "S.Get: (org.contract.v1.method).scopes: is missing: name the scopes that a caller needs, or say `public: true`",
      "S.Get: (org.contract.v1.method).default_timeout: is missing: no call may run for ever",
      "S.Get: (org.contract.v1.method).max_timeout: is missing: no call may run for ever",
    ],
  },
  "scopes and public": {
    proto: method(`public: true scopes: "a" ${timeouts}`),
    problems: ["S.Get: (org.contract.v1.method).public: contradicts `scopes`"],
  },
  "timeouts of nothing": {
    proto: method("public: true default_timeout: {} max_timeout: {nanos: 999999}"),
    problems: [
      "S.Get: (org.contract.v1.method).default_timeout: must be at least a millisecond",
      "S.Get: (org.contract.v1.method).max_timeout: must be at least a millisecond",
    ],
  },
  "a negative timeout": {
    proto: method("public: true default_timeout: {seconds: -1} max_timeout: {seconds: 1}"),
    problems: ["S.Get: (org.contract.v1.method).default_timeout: must be at least a millisecond"],
  },
  "timeouts longer than a timer": {
    proto: method(
      "public: true default_timeout: {seconds: 2073601} max_timeout: {seconds: 2073600}",
    ),
    problems: [
      "S.Get: (org.contract.v1.method).default_timeout: must be at most 24 days",
      "S.Get: (org.contract.v1.method).default_timeout: must not be more than `max_timeout`",
    ],
  },
  "a default timeout above the maximum": {
    proto: method("public: true default_timeout: {seconds: 3} max_timeout: {seconds: 2}"),
    problems: [
      "S.Get: (org.contract.v1.method).default_timeout: must not be more than `max_timeout`",
    ],
  },
  "scopes that are none": {
    proto: method(`scopes: ["", "fine", "a b", "é"] ${timeouts}`),
    problems: ["0", "2", "3"].map(
      (index) =>
        `S.Get: (org.contract.v1.method).scopes.${index}: must be made of letters, digits and any of . _ : / -`,
    ),
  },
  "names of reasons": {
    proto: method(
      `${fine} reasons: [${["lower", "_X", "X_", "A", "A".repeat(64), "A-B"]
        .map((name) => `{name: "${name}" code: ABORTED description: "x"}`)
        .join(",")}]`,
    ),
    problems: [0, 1, 2, 3, 4, 5].map(
      (index) =>
        `S.Get: (org.contract.v1.method).reasons.${index}.name: must be in UPPER_SNAKE_CASE, 2 to 63 characters`,
    ),
  },
  "reasons without code or description": {
    proto: method(`${fine} reasons: [{name: "AB" code: OK description: "x"}, {name: "CD"}]`),
    problems: [
      "S.Get: (org.contract.v1.method).reasons.0.code: must be a status code, and not OK",
      "S.Get: (org.contract.v1.method).reasons.1.code: must be a status code, and not OK",
      "S.Get: (org.contract.v1.method).reasons.1.description: is required",
    ],
  },
  "a reason twice": {
    proto: method(
      `${fine} reasons: [{name: "AB" code: ABORTED description: "x"}, {name: "AB" code: ABORTED description: "y"}]`,
    ),
    problems: ["S.Get: (org.contract.v1.method).reasons: names AB twice"],
  },
  "invalid messages answered, but no stream of requests": {
    proto: service(
      `rpc Unary(Empty) returns (Empty) { ${policy(`${fine} invalid_messages: INVALID_MESSAGES_ANSWER`)} }
       rpc Down(Empty) returns (stream Empty) { ${policy(`${fine} invalid_messages: INVALID_MESSAGES_ANSWER`)} }
       rpc Up(stream Empty) returns (Empty) { ${policy(`${fine} invalid_messages: INVALID_MESSAGES_ANSWER`)} }`,
    ),
    problems: [
      "S.Unary: (org.contract.v1.method).invalid_messages: can only be answered where the requests are a stream",
      "S.Down: (org.contract.v1.method).invalid_messages: can only be answered where the requests are a stream",
    ],
  },
  "requests without end": {
    proto: method(`${fine} max_request_bytes: 67108865`),
    problems: [
      "S.Get: (org.contract.v1.method).max_request_bytes: must be at most 67108864 (64 MiB)",
    ],
  },
  "one attempt, and no backoff": {
    proto: retry(
      "max_attempts: 1 retryable_codes: UNAVAILABLE throttling: {max_tokens: 1 token_ratio: 1}",
    ),
    problems: [
      "S: (org.contract.v1.service).retry.max_attempts: must be 2 to 5",
      "S: (org.contract.v1.service).retry.initial_backoff: is missing",
      "S: (org.contract.v1.service).retry.max_backoff: is missing",
      "S: (org.contract.v1.service).retry.backoff_multiplier: must be more than 0",
    ],
  },
  "six attempts, after no status": {
    proto: retry(`max_attempts: 6 ${backoff} throttling: {max_tokens: 1 token_ratio: 1}`),
    problems: [
      "S: (org.contract.v1.service).retry.max_attempts: must be 2 to 5",
      "S: (org.contract.v1.service).retry.retryable_codes: must name a status code",
    ],
  },
  "no throttling": {
    proto: retry(`max_attempts: 2 ${backoff} retryable_codes: [UNAVAILABLE, OK]`),
    problems: [
      "S: (org.contract.v1.service).retry.retryable_codes.1: must be a status code, and not OK",
      "S: (org.contract.v1.service).retry.throttling: is missing",
    ],
  },
  "throttling by nothing": {
    proto: retry(
      `max_attempts: 2 initial_backoff: {} max_backoff: {seconds: -1} backoff_multiplier: nan retryable_codes: UNAVAILABLE throttling: {max_tokens: 1001 token_ratio: 0}`,
    ),
    problems: [
      "S: (org.contract.v1.service).retry.initial_backoff: must be more than nothing",
      "S: (org.contract.v1.service).retry.max_backoff: must be more than nothing",
      "S: (org.contract.v1.service).retry.backoff_multiplier: Invalid input: expected number, received NaN",
      "S: (org.contract.v1.service).retry.throttling.max_tokens: must be 1 to 1,000",
      "S: (org.contract.v1.service).retry.throttling.token_ratio: must be at least 0.001",
    ],
  },
  "scopes twice": {
    proto: method(`scopes: ["a", "b", "a"] ${timeouts}`),
    problems: ["S.Get: (org.contract.v1.method).scopes: names a twice"],
  },
  "aliases twice": {
    proto: service('option (org.contract.v1.service) = {aliases: ["a.B", "a.B", "a.C"]};'),
    problems: ["S: (org.contract.v1.service).aliases: a.B is another of its names already"],
  },
  "methods that differ in their first letter only": {
    proto: service(
      `rpc Get(Empty) returns (Empty) { ${policy(fine)} }
       rpc get(Empty) returns (Empty) { ${policy(fine)} }`,
    ),
    problems: ["S.get: name: there is another method get"],
  },
  "an alias that is no name": {
    proto: service('option (org.contract.v1.service).aliases = "a service";'),
    problems: ["S: (org.contract.v1.service).aliases.0: must be the full name of a service"],
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

import { describe, expect, test } from "@jest/globals";
import { buildFiles, type Change, testChanges } from "./contract-changes.ts";
import { comparePolicies } from "./contract-policy.ts";

const policy = (text: string): string => `option (org.contract.v1.method) = { ${text} };`;
const timeouts = "default_timeout: {seconds: 5} max_timeout: {seconds: 30}";
const reason = (name: string, code: string): string =>
  `reasons: { name: "${name}" code: ${code} description: "It failed." }`;

/** A change of the options of a method that streams both ways. */
function method(name: string, before: string, after: string, ...rules: readonly string[]): Change {
  const file = (options: string): string =>
    `message Request {} message Response {}
     service Service { rpc Call(stream Request) returns (stream Response) { ${options} } }`;
  const findings = rules.map((rule) => (rule.includes(" ") ? rule : `${rule} Service.Call`));
  return { name, before: file(before), after: file(after), findings };
}

/** A change of a policy, besides what every policy needs. */
function policyOf(
  name: string,
  before: string,
  after: string,
  ...rules: readonly string[]
): Change {
  return method(name, policy(before), policy(after), ...rules);
}

const policies: readonly Change[] = [
  policyOf(
    "a scope is added",
    `scopes: "a" ${timeouts}`,
    `scopes: ["a", "b"] ${timeouts}`,
    "METHOD_SCOPE_ADDED",
  ),
  policyOf(
    "a scope is another",
    `scopes: "a" ${timeouts}`,
    `scopes: "b" ${timeouts}`,
    "METHOD_SCOPE_ADDED",
  ),
  policyOf("a scope is removed", `scopes: ["a", "b"] ${timeouts}`, `scopes: "b" ${timeouts}`),
  policyOf(
    "the scopes change places",
    `scopes: ["a", "b"] ${timeouts}`,
    `scopes: ["b", "a"] ${timeouts}`,
  ),
  policyOf(
    "it is no longer public",
    `public: true ${timeouts}`,
    `scopes: "a" ${timeouts}`,
    "METHOD_NO_LONGER_PUBLIC",
  ),
  policyOf("it becomes public", `scopes: "a" ${timeouts}`, `public: true ${timeouts}`),
  policyOf(
    "the maximum deadline gets shorter",
    `public: true ${timeouts}`,
    "public: true default_timeout: {seconds: 5} max_timeout: {seconds: 29 nanos: 999000000}",
    "METHOD_MAX_TIMEOUT_SHORTENED",
  ),
  policyOf(
    "the default deadline gets shorter",
    `public: true ${timeouts}`,
    "public: true default_timeout: {seconds: 4} max_timeout: {seconds: 30}",
    "METHOD_DEFAULT_TIMEOUT_SHORTENED",
  ),
  policyOf(
    "both deadlines get longer",
    `public: true ${timeouts}`,
    "public: true default_timeout: {seconds: 6} max_timeout: {seconds: 31}",
  ),
  policyOf(
    "a reason is removed",
    `public: true ${timeouts} ${reason("NOT_THERE", "NOT_FOUND")} ${reason("TOO_MUCH", "OUT_OF_RANGE")}`,
    `public: true ${timeouts} ${reason("TOO_MUCH", "OUT_OF_RANGE")}`,
    "METHOD_REASON_REMOVED Service.Call.NOT_THERE",
  ),
  policyOf(
    "a reason gets another code",
    `public: true ${timeouts} ${reason("NOT_THERE", "NOT_FOUND")}`,
    `public: true ${timeouts} ${reason("NOT_THERE", "UNKNOWN")}`,
    "METHOD_REASON_CODE_CHANGED Service.Call.NOT_THERE",
  ),
  policyOf(
    "a reason is added",
    `public: true ${timeouts}`,
    `public: true ${timeouts} ${reason("NOT_THERE", "NOT_FOUND")}`,
  ),
  policyOf(
    "bad messages end the call",
    `public: true ${timeouts} invalid_messages: INVALID_MESSAGES_ANSWER`,
    `public: true ${timeouts}`,
    "METHOD_INVALID_MESSAGES_REFUSED",
  ),
  policyOf(
    "bad messages are answered",
    `public: true ${timeouts}`,
    `public: true ${timeouts} invalid_messages: INVALID_MESSAGES_ANSWER`,
  ),
  policyOf(
    "requests may be less large",
    `public: true ${timeouts} max_request_bytes: 1000`,
    `public: true ${timeouts} max_request_bytes: 999`,
    "METHOD_MAX_REQUEST_BYTES_LOWERED",
  ),
  policyOf(
    "requests may be as large as where nothing is said",
    `public: true ${timeouts} max_request_bytes: 262144`,
    `public: true ${timeouts}`,
  ),
  policyOf(
    "calls become heavy",
    `public: true ${timeouts}`,
    `public: true ${timeouts} cost_class: COST_CLASS_HEAVY`,
  ),
  method(
    "a method gets a policy",
    "",
    policy(`scopes: "a" ${timeouts}`),
    "METHOD_NO_LONGER_PUBLIC",
    "METHOD_MAX_TIMEOUT_SHORTENED",
    "METHOD_DEFAULT_TIMEOUT_SHORTENED",
    "METHOD_MAX_REQUEST_BYTES_LOWERED",
  ),
  method("a method loses its policy", policy(`scopes: "a" ${timeouts}`), ""),
  method(
    "a policy makes no sense",
    policy("public: true"),
    policy(`public: true ${timeouts}`),
    "METHOD_POLICY_UNREADABLE",
  ),
  method(
    "no side effects → idempotent",
    "option idempotency_level = NO_SIDE_EFFECTS;",
    "option idempotency_level = IDEMPOTENT;",
    "METHOD_IDEMPOTENCY_LOWERED",
  ),
  method(
    "idempotent → unknown",
    "option idempotency_level = IDEMPOTENT;",
    "",
    "METHOD_IDEMPOTENCY_LOWERED",
  ),
  method("unknown → idempotent", "", "option idempotency_level = IDEMPOTENT;"),
  method(
    "idempotent → no side effects",
    "option idempotency_level = IDEMPOTENT;",
    "option idempotency_level = NO_SIDE_EFFECTS;",
  ),
  {
    name: "the policy of a service makes no sense",
    before: 'service Service { option (org.contract.v1.service).aliases = "no name"; }',
    after: "service Service {}",
    findings: ["SERVICE_POLICY_UNREADABLE Service"],
  },
  {
    name: "an alias is replaced, and retries are removed",
    before: `service Service { option (org.contract.v1.service) = {
      aliases: ["old.One", "old.Two"]
      retry: {
        max_attempts: 2 initial_backoff: {seconds: 1} max_backoff: {seconds: 1} backoff_multiplier: 1
        retryable_codes: UNAVAILABLE throttling: { max_tokens: 1 token_ratio: 1 }
      }
    }; }`,
    after:
      'service Service { option (org.contract.v1.service) = { aliases: ["old.Three", "old.Two"] }; }',
    findings: ["SERVICE_ALIAS_REMOVED Service"],
  },
];

testChanges(policies);

describe("a base that does not know the options", () => {
  const bare = `syntax = "proto3"; package p; message Request { string a = 1; }
    service Service { rpc Call(Request) returns (Request); }`;
  const ruled = bare
    .replace("package p;", 'package p; import "buf/validate/validate.proto";')
    .replace("a = 1", "a = 1 [(buf.validate.field).required = true]");
  const full = ruled
    .replace("package p;", 'package p; import "org/contract/v1/options.proto";')
    .replace("(Request);", `(Request) { ${policy(`scopes: "a" ${timeouts}`)} }`);

  test("may adopt them, and is told so", async () => {
    const { findings, notes } = comparePolicies(
      await buildFiles({ "p.proto": bare }),
      await buildFiles({ "p.proto": full }),
    );
    expect(findings).toEqual([]);
    expect(notes).toEqual([
      "The base has no policies (org/contract/v1/options.proto): those of now narrow nothing.",
      "The base has no rules of fields (buf/validate/validate.proto): those of now narrow nothing.",
    ]);
  });

  test("may adopt one of the two", async () => {
    const { findings, notes } = comparePolicies(
      await buildFiles({ "p.proto": ruled }),
      await buildFiles({ "p.proto": full.replace("required = true", "string.len = 2") }),
    );
    expect(findings.map(({ rule }) => rule)).toEqual(["FIELD_RULE_TIGHTENED"]);
    expect(notes).toHaveLength(1);
  });

  test("is told nothing where there is nothing to adopt", async () => {
    const base = await buildFiles({ "p.proto": bare });
    expect(comparePolicies(base, base)).toEqual({ findings: [], notes: [] });
  });
});

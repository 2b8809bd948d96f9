import {
  KnownRegex,
  type StringRules,
  StringRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import {
  type Check,
  constChecks,
  count,
  given,
  type Helper,
  memberChecks,
  type Reject,
  type Surroundings,
} from "./check.ts";
import { quoted } from "./code-text.ts";
import { translatePattern } from "./re2-pattern.ts";

/** Translates the rules of texts. */
export function stringChecks(
  rules: StringRules,
  expected: string | undefined,
  reject: Reject,
): Check[] {
  const rule = <K extends Exclude<keyof StringRules, `$${string}`>>(
    name: K,
  ): StringRules[K] | undefined => given(StringRulesSchema, rules, name);
  const checks: Check[] = constChecks("string", rule("const"));
  const add = (
    name: string,
    value: bigint | string | undefined,
    description: (shown: string) => string,
    breaks: (code: string, literal: string, ts: Surroundings) => string,
  ): void => {
    if (value === undefined) return;
    const literal = typeof value === "bigint" ? String(value) : quoted(value);
    checks.push({
      rule: `string.${name}`,
      description: description(literal),
      breaks: (code, ts) => breaks(code, literal, ts),
    });
  };
  const such =
    rules.example[0] === undefined ? "" : `, such as ${quoted(rules.example[0]).slice(1, -1)}`;
  const characters = (n: string): string => count(BigInt(n), "character");
  const bytes = (n: string): string => count(BigInt(n), "byte");
  add(
    "len",
    rule("len"),
    (n) => `must be ${characters(n)}`,
    (code, n, ts) => `${ts.use("lengthOf")}(${code}) !== ${n}`,
  );
  add(
    "min_len",
    rule("minLen"),
    (n) => (n === "1" ? `must not be empty` : `must be at least ${characters(n)}`),
    (code, n, ts) => (n === "1" ? `${code} === ""` : `${ts.use("isShorter")}(${code}, ${n})`),
  );
  add(
    "max_len",
    rule("maxLen"),
    (n) => `must be at most ${characters(n)}`,
    (code, n, ts) => `${ts.use("isLonger")}(${code}, ${n})`,
  );
  add(
    "len_bytes",
    rule("lenBytes"),
    (n) => `must be ${bytes(n)} in UTF-8`,
    (code, n, ts) => `${ts.use("bytesIn")}(${code}) !== ${n}`,
  );
  add(
    "min_bytes",
    rule("minBytes"),
    (n) => `must be at least ${bytes(n)} in UTF-8`,
    (code, n, ts) => `${ts.use("bytesIn")}(${code}) < ${n}`,
  );
  add(
    "max_bytes",
    rule("maxBytes"),
    (n) => `must be at most ${bytes(n)} in UTF-8`,
    (code, n, ts) => `${ts.use("bytesIn")}(${code}) > ${n}`,
  );
  const pattern = rule("pattern");
  if (pattern !== undefined) {
    checks.push(...patternCheck(pattern, `${expected ?? `a match of ${pattern}`}${such}`, reject));
  }
  add(
    "prefix",
    rule("prefix"),
    (text) => `must begin with ${text}`,
    (code, text) => `!${code}.startsWith(${text})`,
  );
  add(
    "suffix",
    rule("suffix"),
    (text) => `must end with ${text}`,
    (code, text) => `!${code}.endsWith(${text})`,
  );
  add(
    "contains",
    rule("contains"),
    (text) => `must contain ${text}`,
    (code, text) => `!${code}.includes(${text})`,
  );
  add(
    "not_contains",
    rule("notContains"),
    (text) => `must not contain ${text === '"\\u0000"' ? "a NUL character" : text}`,
    (code, text) => `${code}.includes(${text})`,
  );
  return [
    ...checks,
    ...memberChecks("string", rules.in, rules.notIn),
    ...formatChecks(rules, such),
  ];
}

function patternCheck(pattern: string, expected: string, reject: Reject): Check[] {
  try {
    const { source, flags } = translatePattern(pattern);
    const code = `new RegExp(${quoted(source)}, ${quoted(flags)})`;
    return [
      {
        rule: "string.pattern",
        description: `must be ${expected}`,
        breaks: (value, ts) => `!${ts.hoist(code)}.test(${value})`,
      },
    ];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    reject("string.pattern", `${quoted(pattern)} is not translated: ${reason}`);
    return [];
  }
}

type Format = Exclude<NonNullable<StringRules["wellKnown"]["case"]>, "wellKnownRegex">;

/** What tells each format, and what it is called. */
const formats = {
  email: { predicate: "isEmail", what: "an email address" },
  hostname: { predicate: "isHostname", what: "a host name" },
  ip: { predicate: "isIp", what: "an IP address" },
  ipv4: { predicate: "isIpv4", what: "an IPv4 address" },
  ipv6: { predicate: "isIpv6", what: "an IPv6 address" },
  uri: { predicate: "isUri", what: "a URI" },
  uriRef: { predicate: "isUriRef", what: "a URI reference" },
  address: { predicate: "isAddress", what: "a host name or an IP address" },
  uuid: { predicate: "isUuid", what: "a UUID" },
  tuuid: { predicate: "isTuuid", what: "a UUID without hyphens" },
  ipWithPrefixlen: { predicate: "isIpWithPrefixlen", what: "an IP address with a prefix length" },
  ipv4WithPrefixlen: {
    predicate: "isIpv4WithPrefixlen",
    what: "an IPv4 address with a prefix length",
  },
  ipv6WithPrefixlen: {
    predicate: "isIpv6WithPrefixlen",
    what: "an IPv6 address with a prefix length",
  },
  ipPrefix: { predicate: "isIpPrefix", what: "an IP prefix" },
  ipv4Prefix: { predicate: "isIpv4Prefix", what: "an IPv4 prefix" },
  ipv6Prefix: { predicate: "isIpv6Prefix", what: "an IPv6 prefix" },
  hostAndPort: { predicate: "isHostAndPort", what: "a host and a port" },
  ulid: { predicate: "isUlid", what: "a ULID" },
  protobufFqn: { predicate: "isProtobufFqn", what: "a full name of Protobuf" },
  protobufDotFqn: {
    predicate: "isProtobufDotFqn",
    what: "a full name of Protobuf with a leading dot",
  },
} as const satisfies Record<Format, { predicate: Helper; what: string }>;

function formatChecks({ wellKnown, ...rules }: StringRules, such: string): Check[] {
  if (wellKnown.case === undefined) return [];
  if (wellKnown.case === "wellKnownRegex") {
    const loose =
      given(StringRulesSchema, { ...rules, wellKnown }, "strict") === false ? "Loose" : "";
    switch (wellKnown.value) {
      case KnownRegex.HTTP_HEADER_NAME:
        return formatCheck(
          "well_known_regex.header_name",
          `isHttpHeaderName${loose}`,
          "a name of an HTTP header",
          such,
        );
      case KnownRegex.HTTP_HEADER_VALUE:
        return [
          {
            rule: "string.well_known_regex.header_value",
            description: `must be a value of an HTTP header${such}`,
            breaks: (code, ts) => `!${ts.use(`isHttpHeaderValue${loose}`)}(${code})`,
          },
        ];
      default:
        return [];
    }
  }
  if (!wellKnown.value) return [];
  const field = StringRulesSchema.field[wellKnown.case];
  const { predicate, what } = formats[wellKnown.case];
  const checks = formatCheck(field.name, predicate, what, such);
  // A reference may be empty: it leads to where it is read.
  return wellKnown.case === "uriRef" ? checks.slice(1) : checks;
}

/** protovalidate has a rule of its own for texts that are empty. */
function formatCheck(rule: string, predicate: Helper, what: string, such: string): Check[] {
  const description = `must be ${what}${such}`;
  return [
    { rule: `string.${rule}_empty`, description, breaks: (code) => `${code} === ""` },
    {
      rule: `string.${rule}`,
      description,
      breaks: (code, ts) => `${code} !== "" && !${ts.use(predicate)}(${code})`,
    },
  ];
}

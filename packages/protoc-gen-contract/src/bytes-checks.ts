import {
  type BytesRules,
  BytesRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { type Check, count, given, type Reject, type Surroundings } from "./check.ts";
import { bytesLiteral } from "./code-text.ts";

/** Translates the rules of bytes. */
export function bytesChecks(rules: BytesRules, reject: Reject): Check[] {
  if (given(BytesRulesSchema, rules, "pattern") !== undefined) {
    reject("bytes.pattern", "is not translated, as bytes need not be text");
  }
  const checks: Check[] = [];
  const size = (
    name: "len" | "minLen" | "maxLen",
    rule: string,
    words: string,
    operator: string,
  ): void => {
    const n = given(BytesRulesSchema, rules, name);
    if (n === undefined) return;
    checks.push({
      rule: `bytes.${rule}`,
      description: `must be ${words}${count(n, "byte")} long`,
      breaks: (code) => `${code}.length ${operator} ${n}`,
    });
  };
  const part = (
    name: "const" | "prefix" | "suffix" | "contains",
    words: string,
    breaks: (code: string, bytes: string, ts: Surroundings) => string,
  ): void => {
    const bytes = given(BytesRulesSchema, rules, name);
    if (bytes === undefined) return;
    checks.push({
      rule: `bytes.${name}`,
      description: `must ${words} 0x${Buffer.from(bytes).toString("hex")}`,
      breaks: (code, ts) => breaks(code, ts.hoist(bytesLiteral(bytes)), ts),
    });
  };
  part("const", "be", (code, bytes, ts) => `!${ts.use("bytesEqual")}(${code}, ${bytes})`);
  size("len", "len", "", "!==");
  size("minLen", "min_len", "at least ", "<");
  size("maxLen", "max_len", "at most ", ">");
  part(
    "prefix",
    "begin with",
    (code, bytes, ts) => `!${ts.use("bytesBeginWith")}(${code}, ${bytes})`,
  );
  part("suffix", "end with", (code, bytes, ts) => `!${ts.use("bytesEndWith")}(${code}, ${bytes})`);
  part("contains", "contain", (code, bytes, ts) => `!${ts.use("bytesContain")}(${code}, ${bytes})`);
  for (const [rule, list, negation] of [
    ["in", rules.in, "!"],
    ["not_in", rules.notIn, ""],
  ] as const) {
    if (list.length === 0) continue;
    const shown = list.map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`).join(", ");
    checks.push({
      rule: `bytes.${rule}`,
      description: `must ${rule === "in" ? "be one" : "not be any"} of ${shown}`,
      breaks: (code, ts) =>
        `${negation}${ts.use("isOneOfBytes")}(${code}, ${ts.hoist(`[${list.map(bytesLiteral).join(", ")}]`)})`,
    });
  }
  return [...checks, ...formatChecks(rules)];
}

/** How long each format is, and what it is called. */
const formats = {
  ip: { sizes: [4, 16], what: "an IP address" },
  ipv4: { sizes: [4], what: "an IPv4 address" },
  ipv6: { sizes: [16], what: "an IPv6 address" },
  uuid: { sizes: [16], what: "a UUID" },
} as const;

function formatChecks({ wellKnown }: BytesRules): Check[] {
  if (wellKnown.case === undefined || !wellKnown.value) return [];
  const { sizes, what } = formats[wellKnown.case];
  const description = `must be ${what} of ${sizes.join(" or ")} bytes`;
  return [
    {
      rule: `bytes.${wellKnown.case}_empty`,
      description,
      breaks: (code) => `${code}.length === 0`,
    },
    {
      rule: `bytes.${wellKnown.case}`,
      description,
      breaks: (code) => [0, ...sizes].map((size) => `${code}.length !== ${size}`).join(" && "),
    },
  ];
}

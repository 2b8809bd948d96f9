import { create, createFileRegistry, type Message, setExtension } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import {
  field,
  FieldRulesSchema,
  file_buf_validate_validate,
  KnownRegex,
  type StringRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import * as formats from "../src/runtime/string-formats.ts";

type Rules = Pick<StringRules, "wellKnown"> & Partial<Pick<StringRules, "strict">>;

const wellKnown = (name: Exclude<StringRules["wellKnown"]["case"], "wellKnownRegex" | undefined>) =>
  ({ wellKnown: { case: name, value: true } }) satisfies Rules;

const header = (value: KnownRegex, strict: boolean) =>
  ({ wellKnown: { case: "wellKnownRegex", value }, strict }) satisfies Rules;

/** The rule that each predicate stands for. */
const rules: Readonly<Record<keyof typeof formats, Rules>> = {
  isEmail: wellKnown("email"),
  isHostname: wellKnown("hostname"),
  isIp: wellKnown("ip"),
  isIpv4: wellKnown("ipv4"),
  isIpv6: wellKnown("ipv6"),
  isUri: wellKnown("uri"),
  isUriRef: wellKnown("uriRef"),
  isAddress: wellKnown("address"),
  isUuid: wellKnown("uuid"),
  isTuuid: wellKnown("tuuid"),
  isIpWithPrefixlen: wellKnown("ipWithPrefixlen"),
  isIpv4WithPrefixlen: wellKnown("ipv4WithPrefixlen"),
  isIpv6WithPrefixlen: wellKnown("ipv6WithPrefixlen"),
  isIpPrefix: wellKnown("ipPrefix"),
  isIpv4Prefix: wellKnown("ipv4Prefix"),
  isIpv6Prefix: wellKnown("ipv6Prefix"),
  isHostAndPort: wellKnown("hostAndPort"),
  isUlid: wellKnown("ulid"),
  isProtobufFqn: wellKnown("protobufFqn"),
  isProtobufDotFqn: wellKnown("protobufDotFqn"),
  isHttpHeaderName: header(KnownRegex.HTTP_HEADER_NAME, true),
  isHttpHeaderNameLoose: header(KnownRegex.HTTP_HEADER_NAME, false),
  isHttpHeaderValue: header(KnownRegex.HTTP_HEADER_VALUE, true),
  isHttpHeaderValueLoose: header(KnownRegex.HTTP_HEADER_VALUE, false),
};

/** A message with one text, under the rules. */
function messageWith(text: Rules) {
  const options = create(FieldOptionsSchema);
  setExtension(options, field, create(FieldRulesSchema, { type: { case: "string", value: text } }));
  const proto = create(FileDescriptorProtoSchema, {
    name: "text.proto",
    syntax: "proto3",
    dependency: [file_buf_validate_validate.proto.name],
    messageType: [
      {
        name: "Text",
        field: [{ name: "text", number: 1, type: FieldDescriptorProto_Type.STRING, options }],
      },
    ],
  });
  const registry = createFileRegistry(proto, () => file_buf_validate_validate);
  const schema = registry.getMessage("Text");
  if (schema === undefined) throw new Error("the file has a message Text");
  return schema;
}

const validator = createValidator();

/** protovalidate's own verdict. */
function judge(name: keyof typeof formats): (text: string) => boolean {
  const schema = messageWith(rules[name]);
  return (text) => {
    const message: Message & { text?: string } = create(schema);
    message.text = text;
    const result = validator.validate(schema, message);
    if (result.kind === "error") throw result.error;
    return result.kind === "valid";
  };
}

const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
const charOf = (characters: string) => fc.constantFrom(...Array.from(characters));
const some = (each: fc.Arbitrary<string>, minLength: number, maxLength: number, separator = "") =>
  fc.array(each, { minLength, maxLength }).map((parts) => parts.join(separator));
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(""));
const maybe = (part: fc.Arbitrary<string>) => fc.oneof(fc.constant(""), part);

/** Cuts out up to three characters here and there, and puts one of the tokens there, or none. */
function nearMisses(valid: fc.Arbitrary<string>, tokens: readonly string[]): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat(3),
    added: fc.oneof({ weight: 8, arbitrary: oneOf("", ...tokens) }, fc.string({ maxLength: 2 })),
  });
  return fc.tuple(valid, fc.array(edit, { maxLength: 3 })).map(([text, edits]) =>
    edits.reduce((before, { at, removed, added }) => {
      const start = Math.floor(at * (before.length + 1));
      return before.slice(0, start) + added + before.slice(start + removed);
    }, text),
  );
}

const alphanumeric = charOf("azAZ0919");
const label = fc.oneof(
  { weight: 9, arbitrary: joined(alphanumeric, some(charOf("aZ09-"), 0, 3), alphanumeric) },
  { weight: 3, arbitrary: alphanumeric },
  fc.integer({ min: 61, max: 64 }).map((length) => "a".repeat(length)),
);
const hostname = fc.oneof(
  { weight: 9, arbitrary: joined(some(label, 1, 4, "."), maybe(oneOf(".", ".1", ".a"))) },
  fc.tuple(fc.integer({ min: 245, max: 255 }), maybe(oneOf("."))).map(([length, dot]) => {
    return "a.bc-d.".repeat(40).slice(0, length - 1) + (dot === "" ? "a" : dot);
  }),
);
const ipv4 = some(
  oneOf(..."0 1 9 10 19 90 99 100 128 192 199 200 240 249 250 255 256 260 300 00 01".split(" ")),
  4,
  4,
  ".",
);
const piece = oneOf(..."0 1 a F 00 ff 123 0000 ffff 8000 10 9 12345".split(" "));
const pieces = (most: number) => some(piece, 0, most, ":");
const ipv6 = fc.oneof(
  some(piece, 7, 9, ":"),
  joined(some(piece, 6, 6, ":"), oneOf(":"), ipv4),
  joined(pieces(5), oneOf("::"), pieces(4)),
  joined(pieces(7), oneOf("::"), maybe(some(piece, 1, 3, ":").map((each) => `${each}:`)), ipv4),
);
const zone = oneOf("%", "%eth0", "%25a", "% \n]:/1");
const network4 = joined(
  some(oneOf(..."0 1 10 128 192 255 256".split(" ")), 2, 2, "."),
  oneOf(".0.0", ".0.0", ".128.0", ".192.128", ".0"),
);
const network6 = joined(
  some(oneOf(..."1 80 8000 c000 ffff 0".split(" ")), 0, 7, ":"),
  oneOf("::", "::", "::0", "::0:0", "::10.128.0.0", ":0:0", ":"),
);
const prefixLength = fc.oneof(
  fc.nat(130).map(String),
  fc.nat(33).map(String),
  oneOf("16", "24", "25", "31", "32", "32", "96", "112", "128"),
  oneOf("0", "00", "01", "8", "16", "32", "33", "64", "112", "120", "127", "128", "129", "1000"),
);
const withPrefixLength = (address: fc.Arbitrary<string>) =>
  joined(address, oneOf("", "", "", ":"), oneOf("/"), prefixLength);
const prefix4 = withPrefixLength(fc.oneof(network4, ipv4));
const prefix6 = withPrefixLength(fc.oneof(network6, network6, ipv6));
const port = fc.oneof(
  fc.nat(70_000).map(String),
  oneOf("0", "00", "080", "80", "65535", "65536", "65540", "99999", "100000", ""),
);
const hostAndPort = joined(
  fc.oneof(hostname, ipv4, joined(oneOf("["), ipv6, maybe(zone), oneOf("]"))),
  oneOf(":"),
  port,
);

const escape = oneOf("%41", "%c3%A9", "%c3", "%ED%A0%80", "%f0%9F%98%80", "%25", "%zz", "%0");
const pchars = some(fc.oneof(charOf("aZ09-._~!$&'()*+,;=:@"), escape), 0, 3);
const nameChars = some(fc.oneof(charOf("aZ09-._~!$&'()*+,;="), escape), 0, 3);
const uriHost = fc.oneof(
  nameChars,
  ipv4,
  joined(oneOf("["), ipv6, maybe(joined(oneOf("%25", "%", "%2"), nameChars)), oneOf("]")),
  joined(oneOf("[v1.", "[V1.", "[vF0."), nameChars, oneOf("]")),
);
const authority = joined(
  oneOf("//"),
  maybe(joined(pchars, oneOf("@"))),
  uriHost,
  maybe(joined(oneOf(":"), oneOf("", "80", "999999999"))),
);
const path = some(pchars, 0, 3, "/");
const relativeRef = joined(
  maybe(joined(authority, oneOf("", "/"))),
  path,
  maybe(joined(oneOf("?"), some(fc.oneof(pchars, oneOf("?", "/", "[", "//[::1]")), 0, 3))),
  maybe(joined(oneOf("#"), some(fc.oneof(pchars, oneOf("?", "/", "#", "//[::1]")), 0, 3))),
);
const uri = joined(oneOf("a", "http", "A+b-c.0", "0", "a_b", ""), oneOf(":"), relativeRef);
const hex = charOf("09afAF");
const identifier = joined(charOf("aZ_"), some(charOf("aZ_0"), 0, 3));
const headerText = some(charOf("aZ09!#$%&'*+-.^_|~`,;:@(\"\t \u007f\u0080é😀"), 0, 6);

const ipTokens = [":", "::", ".", "/", "%", "0", "1", "f", "g", "256", "1.2.3.4", "-", " ", "\n"];
const uriTokens = ["/", "//", "?", "#", ":", "@", "[", "]", "%", "%4", "%41", "^", "é", "\n", "a:"];

/** Texts of which about as many pass as not. */
const texts: Readonly<Record<keyof typeof formats, fc.Arbitrary<string>>> = {
  isEmail: nearMisses(
    joined(some(charOf("aZ09.!#$%&'*+/=?^_`{|}~-"), 1, 4), oneOf("@"), hostname),
    ["@", ".", "-", " ", "é", "\n", '"', "(", "a".repeat(61)],
  ),
  isHostname: nearMisses(hostname, [".", "-", "_", " ", "é", "\n", "1", "a".repeat(61)]),
  isIp: nearMisses(fc.oneof(ipv4, joined(ipv6, maybe(zone))), ipTokens),
  isIpv4: nearMisses(ipv4, ipTokens),
  isIpv6: nearMisses(joined(ipv6, maybe(zone)), ipTokens),
  isUri: nearMisses(uri, uriTokens),
  isUriRef: nearMisses(fc.oneof(uri, relativeRef), uriTokens),
  isAddress: nearMisses(fc.oneof(hostname, ipv4, joined(ipv6, maybe(zone))), ipTokens),
  isUuid: nearMisses(
    fc
      .tuple(...[8, 4, 4, 4, 12].map((length) => some(hex, length, length)))
      .map((parts) => parts.join("-")),
    ["-", "", "g", "0", "\n"],
  ),
  isTuuid: nearMisses(some(hex, 31, 33), ["-", "", "g", "0", "\n"]),
  isIpWithPrefixlen: nearMisses(fc.oneof(prefix4, prefix6), ipTokens),
  isIpv4WithPrefixlen: nearMisses(prefix4, ipTokens),
  isIpv6WithPrefixlen: nearMisses(prefix6, ipTokens),
  isIpPrefix: nearMisses(fc.oneof(prefix4, prefix6), ipTokens),
  isIpv4Prefix: nearMisses(prefix4, ipTokens),
  isIpv6Prefix: nearMisses(prefix6, ipTokens),
  isHostAndPort: nearMisses(hostAndPort, [...ipTokens, "[", "]", "]:", "]:80"]),
  isUlid: nearMisses(joined(charOf("0178"), some(charOf("09AHJKMNPTVZahjkmnptvz"), 24, 26)), [
    "I",
    "L",
    "o",
    "u",
    "8",
    "-",
    "\n",
  ]),
  isProtobufFqn: nearMisses(some(identifier, 1, 4, "."), [".", "0", "-", "é", "\n"]),
  isProtobufDotFqn: nearMisses(joined(oneOf("."), some(identifier, 1, 4, ".")), [
    ".",
    "0",
    "-",
    "\n",
  ]),
  isHttpHeaderName: nearMisses(headerText, [":", ",", " ", "\n", "\0"]),
  isHttpHeaderNameLoose: nearMisses(headerText, ["\n", "\r", "\0", "\u2028"]),
  isHttpHeaderValue: nearMisses(headerText, ["\n", "\r", "\0", "\u0008", "\u001f", "\u0085"]),
  isHttpHeaderValueLoose: nearMisses(headerText, ["\n", "\r", "\0", "\u2028"]),
};

/** Each of them tells something to some predicate. */
const handPicked: readonly string[] = [
  ...["", " ", ".", "a", "a.", "a..", ".a", "-a", "a-", "a.1", "1.a", "1", "a.1a", "a.1.", "xn--a"],
  ...["a@b", "a@b.", "a@-b", "a@b@c", "@b", "a@", ".@b", "a b@c", "a@b.c\n", "é@b"],
  ...["0.0.0.0", "255.255.255.255", "1.2.3.256", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4\n"],
  ...["::", "::1", "1::", ":", ":::", "1:::2", "1::2::3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9"],
  ...["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7::8", "::2:3:4:5:6:7:8", ":1:2:3:4:5:6:7:8", "12345::"],
  ...["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:1.2.3.4", "::1.2.3.4", "::ffff:1.2.3.4", "1.2.3.4::"],
  ...["1:2:3:4:5:6:7::1.2.3.4", "1:2:3:4:5:6:7:8:9::1.2.3.4", "::1.2.3.4%a", "::1.2.3.4:5"],
  ...["::1%a", "::1%", "::%a", "%a", "::1:%a", "1:2:3:4:5:6:7:8:%a", "::1%a/64", "::1%\n]/"],
  ...["0.0.0.0/0", "1.2.3.0/24", "1.2.3.0/23", "1.2.3.4/32", "1.2.3.4/33", "1.2.3.4/031", "::/0"],
  ...["::/128", "::/129", "::1/128", "::1/127", "::2/127", "8000::/1", "8000::/0", "1:2::/32"],
  ...["::1:/128", "1:2:3:4:5:6:7:8:/128", "1:2:3:4:5:6:7::1.2.3.4/0", "::1.2.3.4/127"],
  ...["::ffff:1.2.3.0/120", "::ffff:1.2.3.0/119", "ffff::/16", "ffff::/15", "::1.2.3.4/", "::/"],
  ...[
    "a:1",
    "a:0",
    "a:65535",
    "a:65536",
    "a:01",
    "a:",
    ":1",
    "a",
    "[::1]:1",
    "[::1]",
    "[]:1",
    "[:1",
  ],
  ...["::1:1", "1.2.3.4:1", "1.2.3.256:1", "[::1%]:2]:3", "[::1%a\n]:3", "[1.2.3.4]:5", "a:1 "],
  ...[
    "a:",
    "a:b",
    "a:/",
    "a://",
    "a:///",
    "a://b",
    "a://b:",
    "a://b:c",
    "a://b@c@d",
    "a://@b:1/c?d#e",
  ],
  ...["a://[::1]", "a://[::1]:2", "a://[::1", "a://[::1%25b]", "a://[::1%b]", "a://[::1%25]"],
  ...["a://[::1%25%c3]", "a://[::1.2.3.4]", "a://[v1.b]", "a://[V1.b]", "a://[v.b]", "a://[::1:]"],
  ...[
    "a://%c3%a9",
    "a://%c3",
    "a://%c3@b",
    "a:%c3",
    "a:%",
    "a:%4",
    "a:%4g",
    "a?%",
    "a://b%",
    "//%c3",
  ],
  ...[
    "a:b#c#d",
    "a:b?c#d#e",
    "a:b?//[::1]",
    "a:b#//[::1]",
    "a:b#c:d#e",
    "a:b#//%c3#d",
    "//%c3#d#e",
  ],
  ...[
    "a:b?//[::1]#c",
    "a://%c3#b#c",
    "a:b?c[",
    "a:b?//[::1%25%c3]",
    "a:b?//%c3",
    "a:b?//[::1]#//[::1]",
  ],
  ...[
    "b",
    "/b",
    "//b",
    "///b",
    "./b:c",
    "b:c",
    "b/c:d",
    "0:c",
    "?a:b",
    "#a:b",
    "?",
    "#",
    "##",
    "[",
    "a b",
  ],
  ...["01234567-89ab-cdef-0123-456789ABCDEF", "0123456789abcdef0123456789ABCDEF"],
  ...["01ARZ3NDEKTSV4RRFFQ69G5FAV", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAI"],
  ...[
    "a.b",
    ".a.b",
    "a..b",
    "a.b.",
    "_",
    "0a",
    "a.0",
    "..a",
    ":a",
    "::a",
    "a:",
    "a,b",
    "a\0",
    "a\nb",
    "\t",
  ],
];

/** What makes patterns that are not careful take very long. */
const adversarial: readonly string[] = [
  ...[
    "a",
    "1",
    ".",
    "-",
    ":",
    "/",
    "%",
    "%41",
    "a.",
    "a:",
    "1:",
    "1.",
    "::",
    "[",
    "]",
    "]:1",
    "?",
    "#",
  ],
  ...["a-", "0", "a@", "@", "//", "%c3%a9", "_", " ", "\t"],
].flatMap((unit) => {
  const long = unit.repeat(100_000 / unit.length);
  const heads = ["", "a:", "a://", "a@", "//", "[", "[::1%", "::", "::1%", "a:b#", "."];
  return heads.flatMap((head) =>
    ["", "\n", "@", "]:x", "::1.2.3.4/x"].map((end) => head + long + end),
  );
});

const predicates = { ...formats };
const names = Object.keys(rules).filter((name): name is keyof typeof formats => name in formats);

describe.each(names)("%s", (name) => {
  const predicate = predicates[name];
  const expected = judge(name);

  test("says of hand-picked texts what protovalidate says", () => {
    const verdicts = (of: (text: string) => boolean) => handPicked.map((text) => [text, of(text)]);
    expect(verdicts(predicate)).toEqual(verdicts(expected));
  });

  test("says of near misses what protovalidate says", () => {
    let passed = 0;
    fc.assert(
      fc.property(texts[name], (text) => {
        const verdict = expected(text);
        if (verdict) passed += 1;
        return predicate(text) === verdict;
      }),
      { numRuns: 10_000 },
    );
    // Else the texts would tell nothing.
    expect(passed).toBeGreaterThan(100);
    expect(passed).toBeLessThan(9_990);
  });

  test("takes linear time", () => {
    const start = performance.now();
    for (const text of adversarial) predicate(text);
    // Quadratic time would take as long for each of these thousand texts.
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

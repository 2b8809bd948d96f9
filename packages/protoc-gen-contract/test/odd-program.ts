/**
 * Makes use of what is generated from the odd contracts, and prints it as JSON: of schemas, each field
 * that is wrong and the property that it leads to.
 */
export const oddProgram = `
import type { z } from "zod";
import { checkImplicit, Explicit, Implicit } from "./gen/index.edition.v1.ts";
import { ExplicitSchema } from "./gen/index.edition.v1.schemas.ts";
import { checkObject, Object as ObjectMessage } from "./gen/index.globals.v1.ts";
import {
  checkMessageCheck,
  MessageCheck,
  SecondPolicy,
  Thing,
  ThingServiceDefinition,
  WithoutDefinition,
} from "./gen/index.helpers.v1.ts";
import { ThingSchema } from "./gen/index.helpers.v1.schemas.ts";
import { checkKnown, Known, KnownServiceDefinition, type KnownServiceReasons } from "./gen/index.known.v1.ts";
import { KnownSchema } from "./gen/index.known.v1.schemas.ts";
import {
  checkDeeper,
  checksnakeCase,
  Deeper,
  Lists,
  Maps,
  Names,
  Oneofs,
  snakeCase,
  Words,
} from "./gen/index.odd.v1.ts";
import {
  ListsSchema,
  MapsSchema,
  MembersSchema,
  NamesSchema,
  OneofsSchema,
  WordsSchema,
} from "./gen/index.odd.v1.schemas.ts";
import { checkTwo, Two } from "./gen/index.two.v1.ts";
import { TwoSchema } from "./gen/index.two.v1.schemas.ts";
import { checkNoPackage, NoPackage, NoPackageServiceDefinition } from "./gen/index.ts";

const none = new Uint8Array();

function issues(schema: z.ZodType, value: unknown): [unknown, string][] {
  return (schema.safeParse(value).error?.issues ?? []).map((issue) => [
    issue.code === "custom" ? issue.params?.["field"] : issue.message,
    issue.path.join("/"),
  ]);
}

function fields(found: { readonly field: string; readonly rule: string }[] | undefined): string[] {
  return (found ?? []).map(({ field, rule }) => field + " " + rule);
}

/** A message that has the same value in all its fields. */
function filled(message: object, value: unknown): unknown {
  return globalThis.Object.fromEntries(globalThis.Object.keys(message).map((name) => [name, value]));
}

const members = (name: string) => issues(MembersSchema, { one: { $case: name, value: "" }, deeper: undefined });
const itself: Thing = {
  ...Thing.create(),
  others: [{ name: "b" }, { name: "" }],
  byName: { "a b": { ...Thing.create(), name: "c", self: { $case: "me", value: Thing.create() } } },
  self: { $case: "you", value: { name: "" } },
};
const only: KnownServiceReasons["get_known"] = "A_B";

console.log(
  JSON.stringify({
    words: issues(WordsSchema, Words.decode(none)),
    lists: issues(ListsSchema, filled(Lists.decode(none), ["a", ""])),
    maps: issues(MapsSchema, filled(Maps.decode(none), { "": Lists.decode(none) })),
    oneofs: issues(OneofsSchema, Oneofs.decode(none)),
    members: globalThis.Object.keys(Words.create()).map(members),
    names: issues(NamesSchema, Names.decode(none)),
    inOneof: issues(NamesSchema, {
      ...(filled(Names.decode(none), "x") as object),
      oneOf: { $case: "inOne", value: "" },
      twoOf: { $case: "U", value: "" },
    }),
    snakeCase: fields(checksnakeCase(snakeCase.fromPartial({ ones: [{ a: "a" }, {}] }))),
    deeper: fields(checkDeeper(Deeper.fromPartial({ text: "a", deepest: { back: {}, kind: -1 } }))),
    globals: fields(checkObject({ ...ObjectMessage.create(), b: { 1: "" }, c: Infinity, d: "b" })),
    itself: issues(ThingSchema, itself),
    helpers: fields(checkMessageCheck(MessageCheck.fromPartial({ x: { x: {} } }))),
    scopes: SecondPolicy.methods.get.scopes,
    methods: [ThingServiceDefinition, KnownServiceDefinition, WithoutDefinition, NoPackageServiceDefinition].map(
      ({ methods }) => globalThis.Object.entries(methods).map(([name, { check }]) => name + " " + (check?.name ?? "")),
    ),
    only,
    known: fields(
      checkKnown({
        ...Known.create(),
        wrapped: { a: "", b: undefined, c: "c" },
        masks: [["a", "a.b"], ["b"]],
        null: 5 as Known["null"],
        onlyKeys: { 1: "" },
        nothing: Buffer.from("a"),
        noPaths: ["a"],
        quotes: "\`\${x}\`*/\\u2028\\"\\n\\\\",
        onlyFlags: new Map([[false, ""]]),
        onlyValues: new Map([[5n, ""]]),
        one: { $case: "text", value: "" },
      }),
    ),
    unset: fields(checkKnown({ ...Known.create(), one: { $case: "text", value: undefined } })),
    decoded: issues(KnownSchema, Known.decode(Known.encode(Known.fromPartial({ file: { name: "a" } })).finish())),
    noPackage: fields(checkNoPackage(NoPackage.fromPartial({ a: "a", in: { out: {} } }))),
    two: fields(checkTwo({ ...Two.decode(none), numbers: [4, 3], kinds: [1, 2], one: { $case: "text", value: "" } })),
    twoDecoded: issues(TwoSchema, { ...Two.decode(none), byName: { a: { ...Two.create(), byName: {} } } }),
    explicit: issues(ExplicitSchema, Explicit.decode(none)),
    implicit: fields(checkImplicit(Implicit.decode(none))),
    implicitSet: fields(checkImplicit(Implicit.fromPartial({ text: "a", number: 1, numbers: [1] }))),
  }),
);
`;

/**
 * Do the generated schemas and check functions give the verdicts of protovalidate, with the same paths
 * and the same rules? For every message of the contract, and for one that has every rule there is.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import {
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import { expect, test } from "@jest/globals";
import { descriptorSet } from "@org/contracts/descriptor";
import * as product from "@org/contracts/product/v1";
import * as productSchemas from "@org/contracts/product/v1/schemas";
import * as user from "@org/contracts/user/v1";
import * as userSchemas from "@org/contracts/user/v1/schemas";
import fc from "fast-check";
import { z } from "zod";
import * as torture from "../packages/protoc-gen-contract/test/gen/index.org.torture.v1.ts";
import * as tortureSchemas from "../packages/protoc-gen-contract/test/gen/index.org.torture.v1.schemas.ts";
import { randomMessage, seeded } from "./support/random-message.ts";

const runs = 10_000;

/** Of what the message with every rule is made of: as part of it, these are drawn again. */
const runsOfParts = 2_000;

const image = await readFile(
  new URL("../packages/protoc-gen-contract/test/gen/image.binpb", import.meta.url),
);

/** A message, and what was generated for it. */
interface Generated {
  readonly descriptor: DescMessage;
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly schema: z.ZodType;
  /** Undefined where nothing can be wrong with the message. */
  readonly check:
    | ((message: unknown) => readonly { field: string; rule: string }[] | undefined)
    | undefined;
}

const messages = [
  ...generated(registryOf(descriptorSet), "org.product.v1", product, productSchemas),
  ...generated(registryOf(descriptorSet), "org.user.v1", user, userSchemas),
  ...generated(registryOf(image), "org.torture.v1", torture, tortureSchemas),
];

test("all messages are compared", () => {
  const names = messages.map(({ descriptor }) => descriptor.typeName);
  expect(names).toContain("org.torture.v1.Torture");
  expect(names).toContain("org.product.v1.ImportProductsRequest");
  expect(names).toContain("org.user.v1.CreateUserRequest");
  expect(names.length).toBeGreaterThanOrEqual(20);
});

test.each(
  messages.map((message) => {
    const { typeName } = message.descriptor;
    const isPart = typeName.startsWith("org.torture.") && typeName !== "org.torture.v1.Torture";
    return [isPart ? runsOfParts : runs, typeName, message] as const;
  }),
)(
  "%i values of %s get protovalidate's verdict",
  (numRuns, _, { descriptor, decode, schema, check }) => {
    const validator = createValidator();
    let refused = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const message = randomMessage(descriptor, seeded(seed));
        const expected = verdictOf(validator.validate(descriptor, message));
        const decoded = decode(toBinary(descriptor, message));
        const found = check?.(decoded) ?? [];
        const checked = found.map(({ field, rule }) => `${field} ${rule}`).toSorted();
        const parsed = issuesOf(schema.safeParse(decoded));
        // Node's, as Jest's `expect` would take longer than everything else.
        assert.deepEqual({ checked, parsed }, { checked: expected, parsed: expected });
        if (expected.length > 0) refused++;
      }),
      { numRuns },
    );
    // Where there are rules, the values have to break them as well as to keep them.
    expect(refused > 0).toBe(check !== undefined);
  },
);

type Verdict = ReturnType<ReturnType<typeof createValidator>["validate"]>;

function verdictOf(result: Verdict): string[] {
  if (result.kind === "error") throw result.error;
  const violations = result.kind === "invalid" ? result.violations : [];
  return violations.map(({ field, ruleId }) => `${pathToString(field)} ${ruleId}`).toSorted();
}

function issuesOf(result: z.ZodSafeParseResult<unknown>): string[] {
  return (result.error?.issues ?? [])
    .map((issue) => {
      if (issue.code !== "custom") throw new Error(`the shape is wrong: ${JSON.stringify(issue)}`);
      return `${String(issue.params?.["field"])} ${String(issue.params?.["rule"])}`;
    })
    .toSorted();
}

function registryOf(descriptors: Uint8Array): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
}

/** Every message of a package, with what the package's modules have for it. */
function generated(
  registry: FileRegistry,
  packageName: string,
  index: object,
  schemas: object,
): Generated[] {
  return [...registry].flatMap((descriptor) => {
    if (descriptor.kind !== "message" || descriptor.file.proto.package !== packageName) return [];
    const name = descriptor.typeName.slice(packageName.length + 1).replaceAll(".", "_");
    const type: unknown = Reflect.get(index, name);
    const schema: unknown = Reflect.get(schemas, `${name}Schema`);
    const check: unknown = Reflect.get(index, `check${name}`);
    if (!isMessageType(type)) throw new TypeError(`there is no ${name}`);
    if (!(schema instanceof z.ZodType)) throw new TypeError(`there is no ${name}Schema`);
    const decode = (bytes: Uint8Array): unknown => type.decode(bytes);
    return [{ descriptor, decode, schema, check: isCheck(check) ? check : undefined }];
  });
}

function isMessageType(value: unknown): value is { decode(bytes: Uint8Array): unknown } {
  return typeof value === "object" && value !== null && "decode" in value;
}

function isCheck(value: unknown): value is NonNullable<Generated["check"]> {
  return typeof value === "function";
}

import { z } from "zod";
import type { MessageCheck } from "./contract-rules.ts";

/** Where a message has the fields of the .proto file, by their names there. */
export type FieldTable = Readonly<Record<string, FieldPlace>>;

/** Where a message has one field. */
export interface FieldPlace {
  /** The properties that lead to the field. */
  readonly path: readonly string[];
  /** The fields of the message that it holds, if it holds one. */
  readonly fields?: () => FieldTable;
}

/**
 * Adds what a check function finds to a schema. Each issue has the `path` of its property, and in
 * `params` the `field` as the .proto file has it and the id of the `rule`.
 */
export function withRules<T>(
  shape: z.ZodType<T>,
  check: MessageCheck<T>,
  fields: FieldTable,
): z.ZodType<T> {
  return shape.check(({ value, issues }) => {
    for (const { field, rule, description } of check(value) ?? []) {
      issues.push({
        code: "custom",
        input: value,
        path: propertyPath(field, fields),
        message: description,
        params: { field, rule },
      });
    }
  });
}

/** Bytes, as ts-proto has them for Node.js. */
export const bytes: z.ZodType<Buffer> = z.custom<Buffer>(
  (value) => Buffer.isBuffer(value),
  "Invalid input: expected Buffer",
);

/** A number of the types `float` and `double`: NaN and the infinities are such numbers too. */
export const float: z.ZodType<number> = z.custom<number>(
  (value) => typeof value === "number",
  "Invalid input: expected number",
);

/** A value of an enum. Other numbers than the defined ones are fine: a newer peer may send them. */
export function enumeration<T extends number>(): z.ZodType<T> {
  return z.custom<T>(
    (value) => typeof value === "number" && (value | 0) === value,
    "Invalid input: expected a number of an enum",
  );
}

/** What may be undefined, but is not left out in a message of ts-proto's. */
export function orUndefined<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return schema.optional();
}

/** A step of a path: a field, an index or number, or a text in quotation marks. */
const step = /([A-Za-z_]\w*)|\[("(?:[^"\\]|\\.)*"|[^\]]*)\]/g;

function propertyPath(path: string, table: FieldTable): PropertyKey[] {
  const keys: PropertyKey[] = [];
  let fields: FieldTable | undefined = table;
  for (const [, name, key] of path.matchAll(step)) {
    if (name !== undefined) {
      const field: FieldPlace | undefined = fields?.[name];
      keys.push(...(field?.path ?? [name]));
      fields = field?.fields?.();
    } else if (key?.startsWith('"') === true) {
      keys.push(key.slice(1, -1).replace(/\\(.)/g, unescape));
    } else if (key !== undefined) {
      // Some keys of maps are too large for a number.
      keys.push(/^\d+$/.test(key) && Number.isSafeInteger(Number(key)) ? Number(key) : key);
    }
  }
  return keys;
}

function unescape(_: string, character: string): string {
  return character === "r" ? "\r" : character === "n" ? "\n" : character;
}

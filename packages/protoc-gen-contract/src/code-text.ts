/** A text as the source code of a string. */
export function quoted(text: string): string {
  // JSON is a subset of JavaScript.
  return JSON.stringify(text);
}

/** A value as source code: bigints with their `n`, everything else as JavaScript prints it. */
export function literal(value: number | bigint | boolean | string): string {
  if (typeof value === "string") return quoted(value);
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/** A list as source code, from that of its items. */
export function listLiteral(items: readonly string[]): string {
  // Of an empty list, TypeScript would not know the type.
  return items.length === 0 ? "[] as never[]" : `[${items.join(", ")}]`;
}

/** Bytes as the source code of a list of numbers. */
export function bytesLiteral(bytes: Uint8Array): string {
  return listLiteral(Array.from(bytes, String));
}

/** A name as a property in source code: `name`, or `["not-a-name"]`. */
export function propertyOf(object: string, name: string): string {
  return isIdentifier(name) ? `${object}.${name}` : `${object}[${quoted(name)}]`;
}

/** A name as a key in source code: `name`, or `"not-a-name"`. */
export function keyOf(name: string): string {
  // Without brackets, it would be the object's prototype.
  if (name === "__proto__") return '["__proto__"]';
  return isIdentifier(name) ? name : quoted(name);
}

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name);
}

/** Comments of a .proto file as a doc comment, indented; nothing where there are none. */
export function docComment(text: string, indent = ""): string {
  const trimmed = text.replaceAll("*/", "* /");
  if (trimmed === "") return "";
  const lines = trimmed.split("\n").map((line) => `${indent} * ${line.trim()}`.trimEnd());
  return lines.length === 1
    ? `${indent}/** ${trimmed} */\n`
    : `${indent}/**\n${lines.join("\n")}\n${indent} */\n`;
}

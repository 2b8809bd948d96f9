import type { DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
import type { Check } from "./check.ts";
import { propertyOf, quoted } from "./code-text.ts";
import type { ContractPlan } from "./contract-plan.ts";
import type { PlannedField, ValueRules } from "./field-rules.ts";
import {
  isJsonType,
  mapKindOf,
  messagesOf,
  modulePathOf,
  propertyNameOf,
  typeNameOf,
} from "./names.ts";
import { accessTo, isNotZero, isSet, type Zeroable } from "./presence-code.ts";
import { isWrapper } from "./ruled-types.ts";
import { TsFile } from "./ts-file.ts";

/** The module with the functions that find what is wrong with the messages of a file. */
export function rulesModuleOf(file: DescFile): string {
  return `${modulePathOf(file)}.rules`;
}

/** The name of the function that finds what is wrong with a message. */
export function checkNameOf(message: DescMessage): string {
  return `check${typeNameOf(message)}`;
}

/**
 * Writes, for each message that has rules or contains a message that has, a function which finds the
 * violations. A valid message costs the comparisons and nothing else: paths are made on the way back
 * from a violation.
 */
export function emitRules(
  file: DescFile,
  plan: ContractPlan,
  importSuffix: string,
): TsFile | undefined {
  const ruled = messagesOf(file).filter((message) => plan.isRuled(message));
  if (ruled.length === 0) return undefined;
  const ts = new TsFile(`${rulesModuleOf(file)}.ts`, importSuffix, ruled.map(checkNameOf));
  for (const message of ruled) new MessageWriter(ts, message, plan).write();
  return ts;
}

class MessageWriter {
  readonly #ts: TsFile;
  readonly #message: DescMessage;
  readonly #plan: ContractPlan;
  #depth = 1;
  readonly #lines: string[] = [];

  constructor(ts: TsFile, message: DescMessage, plan: ContractPlan) {
    this.#ts = ts;
    this.#message = message;
    this.#plan = plan;
  }

  write(): void {
    const name = typeNameOf(this.#message);
    const type = this.#ts.type(name, modulePathOf(this.#message.file));
    const violation = this.#ts.type("Violation", "contract-rules");
    const { fields, choices, requiredOneofs } = this.#plan.messagePlan(this.#message);
    for (const field of fields) this.#field(field);
    for (const { fields: members, required } of choices) {
      const set = members.map((member) => `(${isSet(member)} ? 1 : 0)`).join(" + ");
      const names = members.map((member) => member.name).join(", ");
      this.#rule(`${set} > 1`, '""', "message.oneof", `must not have more than one of ${names}`);
      if (required) this.#rule(`${set} === 0`, '""', "message.oneof", `must have one of ${names}`);
    }
    for (const oneof of requiredOneofs) {
      const value = propertyOf("message", propertyNameOf(oneof));
      const names = oneof.fields.map((member) => member.name).join(", ");
      this.#rule(
        `${value} === undefined`,
        quoted(oneof.name),
        "required",
        `must be one of ${names}`,
      );
    }
    this.#ts.add(
      `/** What is wrong with a ${name}; undefined where nothing is. */
export function ${checkNameOf(this.#message)}(message: ${type}): ${violation}[] | undefined {
  let found: ${violation}[] | undefined;
${this.#lines.join("\n")}
  return found;
}
`,
    );
  }

  #field({ field, required, unlessUnset, value, keys, items }: PlannedField): void {
    const path = quoted(field.name);
    const hasBody = this.#hasRules(value) || this.#hasRules(keys) || this.#hasRules(items);
    if (required) {
      this.#rule(`!(${isSet(field)})`, path, "required", "must be set");
      if (!hasBody) return;
      this.#open("else {");
    } else if (!hasBody) {
      return;
    } else {
      this.#open(unlessUnset && field.oneof === undefined ? `if (${isSet(field)}) {` : "{");
    }
    if (field.oneof !== undefined) {
      this.#line(`const choice = ${propertyOf("message", propertyNameOf(field.oneof))};`);
      this.#open(`if (choice?.$case === ${quoted(propertyNameOf(field))}) {`);
      this.#line("const { value } = choice;");
      this.#unlessUndefined("value", field, () => {
        this.#value("value", path, value);
      });
    } else {
      this.#line(`const value = ${accessTo(field)};`);
      this.#value("value", path, value);
    }
    if (field.fieldKind === "list" && this.#hasRules(items)) this.#items(field, items);
    if (field.fieldKind === "map" && (this.#hasRules(items) || this.#hasRules(keys))) {
      this.#entries(field, keys, items);
    }
    if (field.oneof !== undefined) this.#close();
    this.#close();
  }

  #items(field: DescField & { fieldKind: "list" }, items: ValueRules): void {
    this.#line("let index = 0;");
    this.#open("for (const item of value) {");
    this.#part("item", `\`${field.name}[\${index}]\``, items, field);
    this.#line("index++;");
    this.#close();
  }

  #entries(field: DescField & { fieldKind: "map" }, keys: ValueRules, values: ValueRules): void {
    const kind = mapKindOf(field);
    const path = `${this.#ts.value("entryPath", "contract-rules")}(${quoted(field.name)}, key)`;
    const name = kind === "numbers" ? "name" : "key";
    if (this.#hasRules(values)) {
      const entries = kind === "map" ? "value" : "Object.entries(value)";
      this.#open(`for (const [${name}, entry] of ${entries}) {`);
    } else {
      const list = kind === "map" ? "value.keys()" : "Object.keys(value)";
      this.#open(`for (const ${name} of ${list}) {`);
    }
    if (kind === "numbers") this.#line("const key = Number(name);");
    const keyField = { fieldKind: "scalar", scalar: field.mapKey } as const;
    this.#part("key", path, keys, keyField);
    if (this.#hasRules(values)) {
      this.#unlessUndefined("entry", field, () => {
        this.#part("entry", path, values, field);
      });
    }
    this.#close();
  }

  /** In oneofs and maps, ts-proto's types have `undefined` beside what stands for such a message. */
  #unlessUndefined(name: string, { message }: DescField, write: () => void): void {
    const isValue = message !== undefined && (isWrapper(message) || isJsonType(message));
    if (!isValue) {
      write();
      return;
    }
    this.#open(`if (${name} !== undefined) {`);
    write();
    this.#close();
  }

  /** An item, key or entry, which may be passed over while it is zero. */
  #part(name: string, path: string, rules: ValueRules, type: Zeroable): void {
    if (rules.unlessZero && this.#hasRules(rules)) {
      this.#open(`if (${isNotZero(name, type)}) {`);
      this.#value(name, path, rules);
      this.#close();
    } else {
      this.#value(name, path, rules);
    }
  }

  #value(name: string, path: string, { checks, message }: ValueRules): void {
    for (const check of checks) this.#check(name, path, check);
    if (message === undefined || !this.#plan.isRuled(message)) return;
    const checkName = this.#ts.value(checkNameOf(message), rulesModuleOf(message.file));
    this.#open("{");
    this.#line(`const inner = ${checkName}(${name});`);
    const addWithin = this.#ts.value("addWithin", "contract-rules");
    this.#line(`if (inner !== undefined) found = ${addWithin}(found, ${path}, inner);`);
    this.#close();
  }

  #check(name: string, path: string, { rule, description, breaks }: Check): void {
    const code = breaks(name, this.#ts);
    this.#rule(code, path, rule, description);
  }

  #rule(broken: string, path: string, rule: string, description: string): void {
    const add = this.#ts.value("add", "contract-rules");
    this.#line(
      `if (${broken}) found = ${add}(found, ${path}, ${quoted(rule)}, ${quoted(description)});`,
    );
  }

  #hasRules({ checks, message }: ValueRules): boolean {
    return checks.length > 0 || (message !== undefined && this.#plan.isRuled(message));
  }

  #line(code: string): void {
    this.#lines.push("  ".repeat(this.#depth) + code);
  }

  #open(code: string): void {
    this.#line(code);
    this.#depth++;
  }

  #close(): void {
    this.#depth--;
    this.#line("}");
  }
}

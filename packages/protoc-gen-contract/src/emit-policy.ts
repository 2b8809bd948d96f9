import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import { commentOf } from "./comments.ts";
import { docComment, quoted } from "./code-text.ts";
import type { ContractPlan } from "./contract-plan.ts";
import { checkNameOf, rulesModuleOf } from "./emit-rules.ts";
import { lowerFirst, modulePathOf, typeNameOf } from "./names.ts";
import type { MethodPolicy, ServicePolicy } from "./policy.ts";
import { TsFile } from "./ts-file.ts";

/** A service with its policy and those of its methods. */
export interface PlannedService {
  readonly service: DescService;
  readonly policy: ServicePolicy;
  readonly methods: readonly { readonly method: DescMethod; readonly policy: MethodPolicy }[];
}

/** The module with the policies of a file's services, and their definitions that carry them. */
export function policyModuleOf(file: DescFile): string {
  return `${modulePathOf(file)}.policy`;
}

/** The names that a service's policy module exports; of the definition, ts-proto has one too. */
export function policyNamesOf({ name }: DescService): {
  readonly values: readonly string[];
  readonly types: readonly string[];
} {
  return { values: [`${name}Definition`, `${name}Policy`], types: [`${name}Reasons`] };
}

/**
 * Writes the policy of each service as a table of constants, the reasons of each method as types, and
 * ts-proto's definition with both of them: what a server and a client are made from.
 */
export function emitPolicy(
  file: DescFile,
  services: readonly PlannedService[],
  plan: ContractPlan,
  redacted: readonly string[],
  importSuffix: string,
): TsFile | undefined {
  if (services.length === 0) return undefined;
  const declared = services.flatMap(({ service }) => Object.values(policyNamesOf(service)).flat());
  const ts = new TsFile(`${policyModuleOf(file)}.ts`, importSuffix, declared);
  for (const planned of services) {
    ts.add(policyTable(planned, redacted));
    ts.add(reasonTypes(planned));
    ts.add(definition(ts, planned, plan));
  }
  return ts;
}

function policyTable(
  { service, policy, methods }: PlannedService,
  redacted: readonly string[],
): string {
  const { aliases, retry } = policy;
  const table = {
    service: service.typeName,
    aliases,
    ...(retry === undefined ? {} : { retry }),
    redactedNames: redacted,
    methods: Object.fromEntries(
      methods.map(({ method, policy: { reasons, ...rest } }) => [
        lowerFirst(method.name),
        { ...rest, reasons: Object.fromEntries(reasons.map(({ name, code }) => [name, code])) },
      ]),
    ),
  };
  return `/** What the contract says of ${service.name} and its methods. Times are in milliseconds, reasons have their status codes. */
export const ${service.name}Policy = ${JSON.stringify(table, null, 2)} as const;
`;
}

function reasonTypes({ service, methods }: PlannedService): string {
  const lines = methods.map(({ method, policy: { reasons } }) => {
    const union = reasons.map(({ name }) => quoted(name)).join(" | ");
    return `  readonly ${lowerFirst(method.name)}: ${union === "" ? "never" : union};\n`;
  });
  return `/** The reasons that each method of ${service.name} may fail with. */
export interface ${service.name}Reasons {
${lines.join("")}}
`;
}

function definition(ts: TsFile, { service, methods }: PlannedService, plan: ContractPlan): string {
  const name = `${service.name}Definition`;
  const parts = methods.map(({ method }) => {
    const base = ts.value(name, modulePathOf(service.file), `${service.name}Base`);
    const { input } = method;
    const key = lowerFirst(method.name);
    const isRuled = plan.isRuled(input);
    const check = isRuled ? ts.value(checkNameOf(input), rulesModuleOf(input.file)) : undefined;
    const checkType = isRuled
      ? `${ts.type("MessageCheck", "contract-rules")}<${ts.type(typeNameOf(input), modulePathOf(input.file))}>`
      : "undefined";
    const doc = docComment(commentOf(method), "    ");
    return {
      type: `${doc}    readonly ${key}: typeof ${base}.methods.${key} & {
      readonly policy: typeof ${service.name}Policy.methods.${key};
      readonly check: ${checkType};
    };
`,
      value: `    ${key}: {
      ...${base}.methods.${key},
      policy: ${service.name}Policy.methods.${key},
      check: ${check ?? "undefined"},
    },
`,
    };
  });
  return `${docComment(commentOf(service))}export interface ${name} {
  readonly name: ${quoted(service.name)};
  readonly fullName: ${quoted(service.typeName)};
  readonly policy: typeof ${service.name}Policy;
  readonly methods: {
${parts.map(({ type }) => type).join("")}  };
}

${docComment(commentOf(service))}export const ${name}: ${name} = {
  name: ${quoted(service.name)},
  fullName: ${quoted(service.typeName)},
  policy: ${service.name}Policy,
  methods: {
${parts.map(({ value }) => value).join("")}  },
};
`;
}

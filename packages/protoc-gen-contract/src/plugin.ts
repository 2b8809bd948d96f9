import { readFileSync } from "node:fs";
import { create, createFileRegistry, type DescFile, type FileRegistry } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  type CodeGeneratorResponse,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
  Edition,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { createContractPlan } from "./contract-plan.ts";
import {
  type ContractProblem,
  describeProblem,
  type Report,
  reportTo,
} from "./contract-problem.ts";
import { emitIndexes } from "./emit-index.ts";
import { emitPolicy, type PlannedService } from "./emit-policy.ts";
import { emitReference } from "./emit-reference.ts";
import { emitRules } from "./emit-rules.ts";
import { emitSchemas } from "./emit-schemas.ts";
import { messagesOf } from "./names.ts";
import { expectedIn, methodPolicyOf, servicePolicyOf } from "./policy.ts";
import { readOptions } from "./plugin-options.ts";
import { redactedNamesOf } from "./redaction.ts";
import { reportTakenNames } from "./taken-names.ts";

/** The modules that generated code makes use of. They are copied beside it, as they are. */
const runtimeModules = ["contract-rules", "contract-schemas", "string-formats"];

/**
 * Answers buf (or protoc): TypeScript for each file, or a reference page for each service. Answers with
 * an error that names every problem where anything of the contract cannot be generated.
 */
export function generate(request: CodeGeneratorRequest): CodeGeneratorResponse {
  const problems: ContractProblem[] = [];
  const report = reportTo(problems);
  const options = readOptions(request.parameter);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.protoFile }));
  const files = filesToGenerate(request, registry);
  const plan = createContractPlan({ report, expected: expectedIn(registry) });
  const services = files.map((file) => ({ file, services: planServices(file, registry, report) }));
  for (const message of files.flatMap(messagesOf)) plan.messagePlan(message);
  const packages = Map.groupBy(files, (file) => file.proto.package);
  // Whatever the target, as buf shows the problems of one run only and ends the other.
  for (const inPackage of packages.values()) reportTakenNames(inPackage, plan, report);

  const generated: { name: string; content: string }[] = [];
  if (options.target === "markdown") {
    for (const planned of services.flatMap((each) => each.services)) {
      generated.push(emitReference(planned, plan));
    }
  } else {
    const { importSuffix } = options;
    const redacted = redactedNamesOf(files);
    const ruled = new Set<DescFile>();
    const used = new Set<string>();
    for (const { file, services: planned } of services) {
      const rules = emitRules(file, plan, importSuffix);
      if (rules !== undefined) ruled.add(file);
      const policy = emitPolicy(file, planned, plan, redacted, importSuffix);
      for (const ts of [rules, policy, emitSchemas(file, plan, importSuffix)]) {
        if (ts === undefined) continue;
        generated.push({ name: ts.path, content: ts.toString(file.proto.name) });
        for (const module of ts.imported) used.add(module);
      }
    }
    for (const [name, inPackage] of packages) {
      for (const ts of emitIndexes(name, inPackage, ruled, importSuffix)) {
        generated.push({ name: ts.path, content: ts.toString(`the package ${name}`) });
      }
    }
    // What contract-schemas.ts has its types from.
    if (used.has("contract-schemas")) used.add("contract-rules");
    for (const module of runtimeModules) {
      if (used.has(module)) generated.push(runtimeFile(module, importSuffix));
    }
  }
  if (problems.length > 0) {
    return create(CodeGeneratorResponseSchema, {
      error: `the contract cannot be generated:\n${problems.map(describeProblem).join("\n")}`,
    });
  }
  return create(CodeGeneratorResponseSchema, {
    supportedFeatures: BigInt(
      CodeGeneratorResponse_Feature.PROTO3_OPTIONAL |
        CodeGeneratorResponse_Feature.SUPPORTS_EDITIONS,
    ),
    minimumEdition: Edition.EDITION_PROTO2,
    maximumEdition: Edition.EDITION_2023,
    file: generated,
  });
}

/**
 * The files that buf asks for, but for those that define options and what only they import; and of
 * protobuf's own the ones whose messages are part of theirs, as ts-proto generates these unasked.
 */
function filesToGenerate(request: CodeGeneratorRequest, registry: FileRegistry): DescFile[] {
  const asked = new Set(request.fileToGenerate.flatMap((name) => registry.getFile(name) ?? []));
  const imported = new Set([...asked].flatMap(({ dependencies }) => dependencies));
  const files = new Set([...asked].filter((file) => !imported.has(file)));
  for (const file of files) {
    if (optionPackages.has(file.proto.package)) {
      files.delete(file);
      continue;
    }
    for (const each of file.dependencies) if (asked.has(each)) files.add(each);
    for (const { message } of messagesOf(file).flatMap(({ fields }) => fields)) {
      if (message?.file.proto.package === "google.protobuf") files.add(message.file);
    }
  }
  // Sorted, so that what is generated does not depend on the order in which buf asks for them.
  return [...files].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const optionPackages: ReadonlySet<string> = new Set(["buf.validate", "org.contract.v1"]);

function planServices(file: DescFile, registry: FileRegistry, report: Report): PlannedService[] {
  return file.services.map((service) => ({
    service,
    policy: servicePolicyOf(service, registry, report),
    methods: service.methods.flatMap((method) => {
      const policy = methodPolicyOf(method, registry, report);
      return policy === undefined ? [] : [{ method, policy }];
    }),
  }));
}

function runtimeFile(module: string, importSuffix: string): { name: string; content: string } {
  // From here as from what is built of it, in `dist`.
  const source = readFileSync(new URL(`../src/runtime/${module}.ts`, import.meta.url), "utf8");
  const code = source.replaceAll(/from "(\.\/[\w-]+)\.ts"/g, `from "$1${importSuffix}"`);
  const header = "// Code copied by protoc-gen-contract. DO NOT EDIT.\n/* eslint-disable */\n";
  return { name: `${module}.ts`, content: `${header}\n${code}` };
}

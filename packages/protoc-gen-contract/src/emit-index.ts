import type { DescFile } from "@bufbuild/protobuf";
import { policyModuleOf, policyNamesOf } from "./emit-policy.ts";
import { schemasModuleOf } from "./emit-schemas.ts";
import { messagesOf, modulePathOf, typeNameOf } from "./names.ts";
import { TsFile } from "./ts-file.ts";

/**
 * Writes the two entry points of a proto package: `index.<package>.ts` with its messages, definitions,
 * policies and check functions, and `index.<package>.schemas.ts` with its zod schemas, which are apart so
 * that only who needs zod loads it.
 */
export function emitIndexes(
  proto: string,
  files: readonly DescFile[],
  ruled: ReadonlySet<DescFile>,
  importSuffix: string,
): TsFile[] {
  const base = `index${proto === "" ? "" : `.${proto}`}`;
  const index = new TsFile(`${base}.ts`, importSuffix);
  const schemas = new TsFile(`${base}.schemas.ts`, importSuffix);
  for (const file of files) {
    const from = (module: string): string => `from "./${module}${importSuffix}";\n`;
    index.add(`export * ${from(modulePathOf(file))}`);
    if (file.services.length > 0) {
      // By their names, as they take the place of ts-proto's own.
      const names = file.services
        .map(policyNamesOf)
        .flatMap(({ values, types }) => [...values, ...types.map((type) => `type ${type}`)]);
      index.add(`export { ${names.join(", ")} } ${from(policyModuleOf(file))}`);
    }
    if (ruled.has(file)) index.add(`export * ${from(`${modulePathOf(file)}.rules`)}`);
    const names = messagesOf(file).map((message) => `${typeNameOf(message)}Schema`);
    if (names.length > 0) {
      schemas.add(`export { ${names.join(", ")} } ${from(schemasModuleOf(file))}`);
    }
  }
  return [index, schemas];
}

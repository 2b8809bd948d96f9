import type { DescEnum, DescFile, DescMessage, DescService } from "@bufbuild/protobuf";
import type { ContractPlan } from "./contract-plan.ts";
import type { Report } from "./contract-problem.ts";
import { policyNamesOf } from "./emit-policy.ts";
import { checkNameOf } from "./emit-rules.ts";
import { lowerFirst, messagesOf, typeNameOf } from "./names.ts";

/**
 * Reports what would have the same name in TypeScript as something else of its package: a message
 * `UserPolicy` beside a service `User`, a message `A_B` beside `AB`, a method `get` beside `Get`.
 */
export function reportTakenNames(
  files: readonly DescFile[],
  plan: ContractPlan,
  report: Report,
): void {
  const owners = new Map<string, DescEnum | DescMessage | DescService>();
  const take = (name: string, owner: DescEnum | DescMessage | DescService): void => {
    const other = owners.get(name);
    if (other === undefined) {
      owners.set(name, owner);
      return;
    }
    const problem = `${name} is also the name of what is generated for the ${String(other)}`;
    report(owner, "name", problem);
  };
  for (const service of files.flatMap(({ services }) => services)) {
    const { values, types } = policyNamesOf(service);
    for (const name of [...values, ...types]) take(name, service);
    const methods = Map.groupBy(service.methods, ({ name }) => lowerFirst(name));
    for (const [name, [, second]] of methods) {
      if (second !== undefined) report(second, "name", `there is another method ${name}`);
    }
  }
  for (const message of files.flatMap(messagesOf)) {
    take(typeNameOf(message), message);
    if (plan.isRuled(message)) take(checkNameOf(message), message);
    for (const each of message.nestedEnums) take(typeNameOf(each), each);
  }
  for (const each of files.flatMap(({ enums }) => enums)) take(typeNameOf(each), each);
}

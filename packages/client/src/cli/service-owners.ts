import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import type { Services } from "../connect.ts";

/** The services of this repository, by their full names, and behind which target each is. */
export const serviceOwners: ReadonlyMap<string, keyof Services> = new Map([
  [ProductServiceDefinition.fullName, "products"],
  [UserServiceDefinition.fullName, "users"],
]);

/** Behind which target a service is, by its full or short name; undefined where it is not ours. */
export function ownerOf(service: string): keyof Services | undefined {
  const found = [...serviceOwners].find(
    ([fullName]) => fullName === service || fullName.endsWith(`.${service}`),
  );
  return found?.[1];
}

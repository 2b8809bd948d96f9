import { User } from "@org/contracts/user/v1";
import { contractMessage } from "./contract.ts";
import { redacted, redactJson } from "./redact.ts";
import type { View } from "./table.ts";

/** A user. */
export const userView: View<User> = {
  columns: [
    { title: "ID", value: ({ id }) => id },
    { title: "NAME", value: ({ name }) => name },
    { title: "EMAIL", value: () => redacted },
    { title: "AGE", value: ({ age }) => (age === 0 ? "" : String(age)), align: "right" },
    { title: "CREATED", value: ({ createdAt }) => timeOf(createdAt) },
  ],
  toJson: (user) => redactJson(contractMessage("org.user.v1.User"), User.toJSON(user)),
};

/** Seconds since 1970 as people write them; as they are where no calendar has them. */
function timeOf(seconds: bigint): string {
  const time = new Date(Number(seconds) * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString().replace(".000Z", "Z");
}

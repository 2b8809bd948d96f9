import type { CreateUserRequest } from "@org/contracts/user/v1";
import type { Violation } from "@org/kit/client";
import { type Row, RowReader } from "./row.ts";
import { parseWholeNumber } from "./options.ts";

/** The columns of a file of users. */
export const userColumns = ["name", "email", "age", "request_id"] as const;

/** What NDJSON can have besides: the key of the contract's own JSON form. */
export const userKeysOfContract = ["requestId"] as const;

/** The request that a row makes, or what is wrong with the row. */
export function toCreateRequest(row: Row): CreateUserRequest | readonly Violation[] {
  const reader = new RowReader(row);
  const request = {
    name: reader.text("name"),
    email: reader.text("email"),
    age: ageOf(reader),
    requestId: reader.text("request_id") || reader.text("requestId"),
  };
  return reader.violations.length > 0 ? reader.violations : request;
}

function ageOf(row: RowReader): number {
  const text = row.number("age");
  if (text === "") return 0;
  const age = parseWholeNumber(text);
  if (age === undefined) row.refuse("age", "must be a whole number, or empty if it is unknown");
  return age ?? 0;
}

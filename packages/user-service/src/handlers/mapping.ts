import {
  type CreateUserRequest,
  ListUsersRequest_Order as WireOrder,
  type User as WireUser,
} from "@org/contracts/user/v1";
import type { Violation } from "@org/kit";
import { type NewUser, problemsOf, type User } from "../domain/user.ts";
import type { Order } from "../domain/user-store.ts";

/** A user as the contract has it. */
export function toWire({ id, name, email, age, createdAt }: User): WireUser {
  return { id, name, email, age, createdAt: BigInt(Math.floor(createdAt.getTime() / 1000)) };
}

/** The user that a request asks for. */
export function fromRequest({ name, email, age, requestId }: CreateUserRequest): NewUser {
  return { name, email, age, requestId };
}

/** Everything that is wrong with a request for a user, below the path of the request itself. */
export function violationsOf(user: NewUser, path = ""): Violation[] {
  return problemsOf(user).map(({ property, description }) => ({
    field: path + wireNames[property],
    description,
  }));
}

/** The order that a request asks for; undefined where it is one that this service does not know. */
export function fromWireOrder(order: WireOrder): Order | undefined {
  switch (order) {
    case WireOrder.ORDER_UNSPECIFIED:
    case WireOrder.ORDER_OLDEST_FIRST:
      return "oldestFirst";
    case WireOrder.ORDER_NEWEST_FIRST:
      return "newestFirst";
    default:
      return undefined;
  }
}

const wireNames = {
  name: "name",
  email: "email",
  age: "age",
  requestId: "request_id",
} as const satisfies Record<keyof NewUser, string>;

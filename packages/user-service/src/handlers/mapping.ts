import {
  type CreateUserRequest,
  ListUsersRequest_Order as WireOrder,
  type User as WireUser,
} from "@org/contracts/user/v1";
import type { NewUser, User } from "../domain/user.ts";
import type { Order } from "../domain/user-store.ts";

/** A user as the contract has it. */
export function toWire({ id, name, email, age, createdAt }: User): WireUser {
  return { id, name, email, age, createdAt: BigInt(Math.floor(createdAt.getTime() / 1000)) };
}

/** The user that a request asks for. */
export function fromRequest({ name, email, age, requestId }: CreateUserRequest): NewUser {
  return { name, email, age, requestId };
}

/** The order that a request asks for. The contract refuses those that this service does not know. */
export function fromWireOrder(order: WireOrder): Order {
  return order === WireOrder.ORDER_NEWEST_FIRST ? "newestFirst" : "oldestFirst";
}

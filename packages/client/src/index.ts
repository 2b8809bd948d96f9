export { allUsers, type AllUsersOptions, type UserPage, userPage } from "./all-users.ts";
export {
  type Clients,
  connect,
  type ConnectOptions,
  defaultTargets,
  type Services,
} from "./connect.ts";
export { AmountError, formatAmount, parseMoney } from "./money.ts";
export {
  type CallOptions,
  type Client,
  Code,
  codeName,
  isErrorOf,
  type DetailMessages,
  type DetailName,
  type ErrorDetail,
  type MessageInput,
  type MessageInputs,
  type MethodError,
  RpcError,
  type Violation,
} from "@org/kit/client";

import { type CallContext, implement, type RpcError, type Service } from "@org/kit";
import type { Checkout } from "../domain/checkout.ts";
import { OrderError, type OrderErrorReason } from "../domain/order-error.ts";
import { OrderServiceDefinition } from "../gen/index.shop.order.v1.ts";

/** Answers shop.order.v1.OrderService from a checkout. */
export function orderHandlers(checkout: Checkout): Service {
  return implement(
    OrderServiceDefinition,
    {
      async placeOrder(request) {
        const { id, total } = await checkout.place(request);
        return { orderId: id, total: { ...total } };
      },
    },
    { toRpcError },
  );
}

/** The status for what the checkout throws; undefined for anything else. */
function toRpcError(error: unknown, call: CallContext<OrderErrorReason>): RpcError | undefined {
  return error instanceof OrderError
    ? call.error(error.reason, error.message, { cause: error })
    : undefined;
}

import { Code, implement, RpcError, type Service, type Violation } from "@org/kit";
import type { Checkout } from "../domain/checkout.ts";
import { OrderError } from "../domain/order-error.ts";
import {
  OrderServiceDefinition,
  type PlaceOrderRequest,
} from "../gen/shop/order/v1/order_service.ts";

const maxLines = 50;
const maxQuantity = 1_000_000;

/** Answers shop.order.v1.OrderService from a checkout. */
export function orderHandlers(checkout: Checkout): Service {
  return implement(
    OrderServiceDefinition,
    {
      async placeOrder(request, call) {
        const violations = violationsOf(request);
        if (violations.length > 0) throw RpcError.invalidArgument(violations);
        const { id, total } = await checkout.place(request, call.signal);
        return { orderId: id, total: { ...total } };
      },
    },
    { toRpcError },
  );
}

/** Everything that is wrong with a request. */
function violationsOf({ userId, lines }: PlaceOrderRequest): Violation[] {
  const violations: Violation[] = [];
  const check = (holds: boolean, field: string, description: string): void => {
    if (!holds) violations.push({ field, description });
  };
  check(userId !== "", "user_id", "must not be empty");
  check(lines.length >= 1 && lines.length <= maxLines, "lines", `must be 1 to ${maxLines}`);
  for (const [index, { productId, quantity }] of lines.entries()) {
    const path = `lines[${index}]`;
    const inRange = quantity >= 1 && quantity <= maxQuantity;
    check(productId !== "", `${path}.product_id`, "must not be empty");
    check(inRange, `${path}.quantity`, `must be 1 to ${maxQuantity}`);
  }
  return violations;
}

/** The status for what the checkout throws; undefined for anything else. */
function toRpcError(error: unknown): RpcError | undefined {
  if (!(error instanceof OrderError)) return undefined;
  const domain = OrderServiceDefinition.fullName;
  return new RpcError(Code.FAILED_PRECONDITION, error.message, {
    details: [{ type: "ErrorInfo", value: { reason: error.reason, domain, metadata: {} } }],
    cause: error,
  });
}

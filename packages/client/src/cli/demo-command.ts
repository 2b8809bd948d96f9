import type { CallOptions } from "@org/kit/client";
import type { Command } from "commander";
import type { Services } from "../connect.ts";
import { addExamples } from "./help.ts";
import type { Output } from "./output.ts";
import { productTour } from "./product-tour.ts";
import type { Session } from "./session.ts";
import { Tour } from "./tour.ts";
import { userTour } from "./user-tour.ts";

/**
 * Takes a tour of every kind of call, and tells what happens. It can be repeated: it leaves the
 * catalogue as it was, and its three users are created by the first one only.
 */
export async function runDemo(
  services: Services,
  output: Output,
  options: CallOptions = {},
): Promise<void> {
  const tour = new Tour(output);
  await productTour(services.products, tour, options);
  await userTour(services.users, tour, options);
}

/** Adds `demo`. */
export function addDemoCommand(program: Command, open: () => Session): void {
  const demo = program
    .command("demo")
    .description("take a tour of every kind of call; it can be repeated")
    .action(async () => {
      const session = open();
      const tour = new Tour(session.output);
      const { callOptions } = session;
      await session.call("products", (products) => productTour(products, tour, callOptions));
      await session.call("users", (users) => userTour(users, tour, callOptions));
    });
  addExamples(demo, "$ demo");
}

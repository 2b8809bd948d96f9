import { Code, codeName, createClient } from "@org/kit/client";
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthDefinition,
} from "@org/kit/health";
import type { Command } from "commander";
import { addExamples } from "./help.ts";
import { serviceOwners } from "./service-owners.ts";
import { CallFailure, type Session } from "./session.ts";
import type { View } from "./table.ts";

/** How long a check may take where nothing else is set: a service that is well answers at once. */
const checkTimeoutMs = 5000;

/** What one check found. */
interface Check {
  readonly target: string;
  readonly service: string;
  readonly status: string;
  /** Why the check failed, where it did. */
  readonly detail: string;
}

const checkView: View<Check> = {
  columns: [
    { title: "TARGET", value: ({ target }) => target },
    { title: "SERVICE", value: ({ service }) => service },
    { title: "STATUS", value: ({ status }) => status },
    { title: "DETAIL", value: ({ detail }) => detail },
  ],
  toJson: ({ target, service, status, detail }) => ({
    target,
    service,
    status,
    ...(detail !== "" && { detail }),
  }),
};

/** Adds `health`. */
export function addHealthCommand(program: Command, open: () => Session): void {
  const health = program
    .command("health")
    .description("ask both targets whether their services are well; exit code 1 unless all are")
    .argument("[service]", "the full name of a service; any that is not ours is asked for at both")
    .action(async (service?: string) => {
      const session = open();
      const names = service === undefined ? [...serviceOwners.keys()] : [service];
      const questions = names.flatMap((name) => {
        const owner = serviceOwners.get(name);
        const owners = owner === undefined ? (["products", "users"] as const) : [owner];
        return owners.map((each) => [session.targets[each], name] as const);
      });
      const checks = await Promise.all(
        questions.map(([target, name]) => check(session, target, name)),
      );
      await session.output.list(checks, checkView);
      if (checks.some(({ status }) => status !== "SERVING")) session.exitCode = 1;
    });
  addExamples(health, "$ health", "$ health org.user.v1.UserService --json");
}

async function check(session: Session, target: string, service: string): Promise<Check> {
  const options = { timeoutMs: checkTimeoutMs, ...session.callOptions };
  try {
    return await session.callTarget(target, async (channel) => {
      const { status } = await createClient(HealthDefinition, { channel }).check(
        { service },
        options,
      );
      const name = Object.entries(ServingStatus).find(([, value]) => value === status)?.[0];
      return { target, service, status: name ?? String(status), detail: "" };
    });
  } catch (error) {
    if (!(error instanceof CallFailure) || session.signal.aborted) throw error;
    const { code } = error.error;
    // What the health protocol answers for a service that the server does not have.
    const status = code === Code.NOT_FOUND ? "SERVICE_UNKNOWN" : codeName(code);
    return { target, service, status, detail: error.text };
  }
}

import { inspect } from "node:util";
import { Code, codeName, type RpcError, TlsFileError } from "@org/kit/client";
import { CommanderError } from "commander";
import type { Output } from "./output.ts";
import { printable } from "./printable.ts";
import { CallFailure } from "./session.ts";
import { UsageError } from "./usage-error.ts";

/** What grpc-js says of a call that reached no service; a service's own words are others. */
const neverArrived = /^(?:No connection established|Name resolution failed|Connection dropped)/;

/** What grpc-js and the kit say where there is a connection, on which nobody understands the other. */
const cannotTalk = /Failed to connect|TLS|certificate|Connection closed before/;

/** Tells the user why a command failed. Returns the exit code that says so to programs. */
export function reportError(error: unknown, output: Output): 0 | 1 | 2 {
  if (error instanceof CommanderError) {
    // The help that was asked for is no error.
    if (error.exitCode === 0) return 0;
    // With no command at all, the help has been shown instead.
    if (error.code !== "commander.help") reportUsage(commanderText(error), output);
    return 2;
  }
  if (error instanceof UsageError || error instanceof TlsFileError) {
    reportUsage(error.message, output);
    return 2;
  }
  if (error instanceof CallFailure) {
    output.message(
      output.json
        ? JSON.stringify(callFailureJson(error))
        : callFailureLines(error, output).join("\n"),
    );
    return 1;
  }
  // A defect of this program: whoever reports it needs all of it.
  output.message(inspect(error));
  return 1;
}

function reportUsage(text: string, output: Output): void {
  output.message(
    output.json
      ? JSON.stringify({ code: "USAGE", message: text })
      : `${output.messageColors.red("error:")} ${printable(text)}`,
  );
}

function commanderText({ message }: CommanderError): string {
  return message.replace(/^error: /, "").replaceAll("\n", " ");
}

/** A call's failure in the words that people read; the first line has what happened. */
function callFailureLines({ error, target, text }: CallFailure, output: Output): string[] {
  const { red, dim } = output.messageColors;
  const { reason, violations } = error;
  const width = Math.max(0, ...violations.map(({ field }) => printable(field).length));
  const correlationId = correlationIdOf(error);
  return [
    `${red(`${codeName(error.code)}:`)} ${printable(text)}`,
    ...(reason === undefined ? [] : [`  reason: ${printable(reason)}`]),
    ...violations.map(
      ({ field, description }) => `  ${printable(field).padEnd(width)}  ${printable(description)}`,
    ),
    ...(correlationId === undefined ? [] : [dim(`  correlation id: ${printable(correlationId)}`)]),
    ...(error.code === Code.UNAVAILABLE ? [`  ${unavailable(error, target)}`] : []),
  ];
}

function unavailable(error: RpcError, target: string): string {
  if (cannotTalk.test(error.text)) {
    return `Something answers at ${target}, but not to this. A service with TLS is called with --ca-file, and one that asks for certificates with --cert-file and --key-file.`;
  }
  return neverArrived.test(error.text)
    ? `No service answers at ${target}. \`npm start\` starts both services of this repository.`
    : `This is what ${target} says.`;
}

function callFailureJson({ error, target, text }: CallFailure): Record<string, unknown> {
  return {
    code: codeName(error.code),
    message: text,
    reason: error.reason,
    violations: error.violations.map(({ field, description }) => ({ field, description })),
    correlationId: correlationIdOf(error),
    target,
  };
}

function correlationIdOf({ details }: RpcError): string | undefined {
  const info = details.find((detail) => detail.type === "RequestInfo");
  return info === undefined || info.value.requestId === "" ? undefined : info.value.requestId;
}

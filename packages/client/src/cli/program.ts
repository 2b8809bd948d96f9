import { Command } from "commander";
import { addCallCommand } from "./call-command.ts";
import { addCodecCommands } from "./codec-commands.ts";
import { parseTarget } from "./config.ts";
import { addDemoCommand } from "./demo-command.ts";
import { addHealthCommand } from "./health-command.ts";
import { addExamples } from "./help.ts";
import { wholeNumberOption } from "./options.ts";
import { addProductCommands } from "./product-commands.ts";
import type { Session } from "./session.ts";
import { addTokenCommand } from "./token-command.ts";
import { addUserCommands } from "./user-commands.ts";
import { readVersion } from "./version.ts";

/** The options that every command has. */
export interface GlobalOptions {
  readonly products?: string;
  readonly users?: string;
  readonly timeout?: number;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
  readonly json?: true;
}

const notes = `
Results go to stdout, everything else to stderr. Exit codes: 0 it went well; 1 a call failed, or rows
were rejected, or a service is not well; 2 the command is used wrongly; 130 Ctrl-C.`;

/** The command line: its options and its commands. It throws what commander would exit for. */
export function createProgram(name: string, open: () => Session): Command {
  const program = new Command(name)
    .description("Call product-service and user-service.")
    .version(readVersion())
    .option("--products <target>", "where product-service is (PRODUCTS_TARGET)", parseTarget)
    .option("--users <target>", "where user-service is (USERS_TARGET)", parseTarget)
    .option("--timeout <ms>", "how long a call may take", wholeNumberOption(1))
    .option("--token-file <file>", "a file with an access token (or the token in ACCESS_TOKEN)")
    .option("--ca-file <file>", "call by TLS, and trust the authorities in it (TLS_CA_FILE)")
    .option("--cert-file <file>", "the certificate to show to the services (TLS_CERT_FILE)")
    .option("--key-file <file>", "the private key of that certificate (TLS_KEY_FILE)")
    .option("--server-name <name>", "the name that the services' certificates have")
    .option("--json", "print JSON for programs, one object a line")
    .addHelpText("after", notes)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    // Whoever catches the error reports it.
    .configureOutput({ outputError: () => undefined });
  addExamples(program, "$ product list Electronics", "$ user list --all --json", "$ health");
  addProductCommands(program, open);
  addUserCommands(program, open);
  addHealthCommand(program, open);
  addCallCommand(program, open);
  addCodecCommands(program, open);
  addTokenCommand(program, open);
  addDemoCommand(program, open);
  return program;
}

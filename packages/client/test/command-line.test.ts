import { PassThrough } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import type { Command } from "commander";
import { readConfig } from "../src/cli/config.ts";
import { createProgram } from "../src/cli/program.ts";
import { jsonLines, runClient } from "./run-client.ts";

/** All commands of the program, with those inside of others. */
function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsOf)];
}

describe("help", () => {
  const program = createProgram("org-client", () => {
    throw new Error("help needs no session");
  });

  test.each(
    commandsOf(program).map(
      (command) => [`${command.parent?.name() ?? ""} ${command.name()}`, command] as const,
    ),
  )("of %s has a description and an example", (_, command) => {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    const path = [command.name()];
    for (let each = command.parent; each !== null; each = each.parent) path.unshift(each.name());
    expect(command.description()).toMatch(/^\w.+/);
    expect(help).toContain(`Usage: ${path.join(" ")}`);
    expect(help).toMatch(new RegExp(`\\nExamples?:\\n  \\$ ${path.join(" ")}`));
    expect(help).toContain("--products <target>");
  });

  test("is shown by --help, and says of an import when it exits with 1", async () => {
    const { code, stdout, stderr } = await runClient(["product", "import", "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Usage: org-client product import \[options\] <file>\n/);
    expect(stdout).toContain("make the exit code 1");
  });

  test("is shown, as what is missing, without a command", async () => {
    const [alone, group] = await Promise.all([runClient([]), runClient(["user"])]);
    expect(alone).toMatchObject({ code: 2, stdout: "" });
    expect(alone.stderr).toMatch(/^Usage: org-client \[options\] \[command\]/);
    expect(group).toMatchObject({ code: 2, stdout: "" });
  });

  test("calls the program what the user called it", async () => {
    const run = await runClient(["--help"], { env: { npm_lifecycle_event: "client" } });
    expect(run.stdout).toMatch(/^Usage: pnpm client /);
    expect(run.stdout).toContain("$ pnpm client health");
  });
});

test("--version is the package's", async () => {
  const run = await runClient(["--version"]);
  expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test("a wrong usage exits with 2 and says why in one sentence, in the form that was asked for", async () => {
  const cases = [
    [["prodct"], "unknown command 'prodct' (Did you mean product?)"],
    [["product", "gett", "p001"], "unknown command 'gett' (Did you mean get?)"],
    [["product", "get"], "missing required argument 'id'"],
    [["product", "get", "a", "b"], "too many arguments for 'get'"],
    [["--nope"], "unknown option '--nope'"],
    [["health", "--timeout", "soon"], "It must be a whole number from 1 to 2147483647."],
    [["health", "--timeout", "0"], "It must be a whole number from 1 to 2147483647."],
    [["health", "--timeout", "99999999999"], "It must be a whole number from 1 to 2147483647."],
    [["health", "--products", "https://x:443"], '"https://x:443" is no target'],
    [["health", "--users", ""], '"" is no target'],
  ] as const;
  const runs = await Promise.all(cases.map(([args]) => runClient(args)));
  for (const [index, [args, message]] of cases.entries()) {
    expect([args, runs[index]]).toEqual([
      args,
      { code: 2, stdout: "", stderr: expect.stringMatching(/^error: [^\n]+\n$/) },
    ]);
    expect(runs[index]?.stderr).toContain(message);
  }
  const json = await runClient(["prodct", "--json"]);
  expect(json).toMatchObject({ code: 2, stdout: "" });
  expect(jsonLines(json.stderr)).toEqual([
    { code: "USAGE", message: "unknown command 'prodct' (Did you mean product?)" },
  ]);
});

test("a wrong environment is named", async () => {
  const env = { PRODUCTS_TARGET: "http://x:1", USERS_TARGET: "" };
  const run = await runClient(["health"], { env });
  expect(run).toEqual({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^error: PRODUCTS_TARGET is "http:\/\/x:1": it must be where/),
  });
});

test("colours are for terminals; FORCE_COLOR asks for them elsewhere, NO_COLOR forbids them", () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  expect(readConfig({}).colors(terminal)).toBe(true);
  expect(readConfig({ NO_COLOR: "1" }).colors(terminal)).toBe(false);
  expect(readConfig({ NO_COLOR: "" }).colors(terminal)).toBe(true);
  expect(readConfig({ TERM: "dumb" }).colors(terminal)).toBe(false);
  expect(readConfig({ FORCE_COLOR: "0" }).colors(terminal)).toBe(false);
  expect(readConfig({}).colors(new PassThrough())).toBe(false);
  expect(readConfig({ FORCE_COLOR: "1" }).colors(new PassThrough())).toBe(true);
});

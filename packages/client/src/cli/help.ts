import type { Command } from "commander";

/** Ends a command's help with how it can be used: `$` stands for the program's name. */
export function addExamples(command: Command, ...examples: readonly string[]): Command {
  return command.addHelpText("after", () => {
    const program = rootOf(command).name();
    const lines = examples.map((example) => `  ${example.replace("$", () => `$ ${program}`)}`);
    return ["", examples.length === 1 ? "Example:" : "Examples:", ...lines].join("\n");
  });
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

/** What the plugin is told by the `opt` of buf.gen.yaml. */
export interface PluginOptions {
  /** `target=ts` (the default) or `target=markdown`. */
  readonly target: "ts" | "markdown";
  /** What imports of generated files end with: `import_suffix=.ts`; `.js` by default. */
  readonly importSuffix: string;
}

/** An option that the plugin does not know; the message names it. */
export class PluginOptionError extends Error {
  static {
    PluginOptionError.prototype.name = "PluginOptionError";
  }
}

/** Reads the plugin's parameter. Throws a {@link PluginOptionError}. */
export function readOptions(parameter: string): PluginOptions {
  let target: PluginOptions["target"] = "ts";
  let importSuffix = ".js";
  for (const option of parameter.split(",").filter((each) => each !== "")) {
    const [name, value = ""] = option.split("=", 2);
    if (name === "target" && (value === "ts" || value === "markdown")) target = value;
    else if (name === "import_suffix" && /^(?:\.\w+)?$/.test(value)) importSuffix = value;
    else {
      throw new PluginOptionError(
        `the option "${option}" is none of target=ts, target=markdown, import_suffix=.js`,
      );
    }
  }
  return { target, importSuffix };
}

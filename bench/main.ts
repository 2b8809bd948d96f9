/** Runs the benches that are named, or all: `pnpm bench policy-cost`. */
const benches: Readonly<Record<string, () => Promise<void>>> = {
  codec: async () => (await import("./codec.ts")).codec(),
  "policy-cost": async () => (await import("./policy-cost.ts")).policyCost(),
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  console.error(
    `there is no bench ${unknown.join(", ")}: there is ${Object.keys(benches).join(", ")}`,
  );
  process.exitCode = 2;
} else {
  for (const name of names.length === 0 ? Object.keys(benches) : names) await benches[name]?.();
}

import { existsSync, realpathSync, rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const modules = join(import.meta.dirname, "../../../node_modules");
const pglite = realpathSync(join(import.meta.dirname, "../node_modules/@electric-sql/pglite"));

/** An empty database, by the version of what made it: pnpm names the folder after that. */
const template = join(modules, ".cache", basename(join(pglite, "../../..")));

/**
 * A data folder with an empty embedded database for each of the services. To make one takes seconds of
 * a processor, to copy one a fraction of that. It is removed when the process ends.
 */
export async function preparedDataDir(...services: readonly string[]): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "prepared-"));
  process.once("exit", () => {
    rmSync(dataDir, { recursive: true, force: true });
  });
  await Promise.all(services.map((service) => prepareDataDir(dataDir, service)));
  return dataDir;
}

/** Puts an empty database for a service into a data folder, unless there is one. */
export async function prepareDataDir(dataDir: string, service: string): Promise<void> {
  const folder = join(dataDir, service, "pgdata");
  if (existsSync(folder)) return;
  await makeTemplate();
  await cp(template, folder, { recursive: true });
}

async function makeTemplate(): Promise<void> {
  if (existsSync(template)) return;
  // Imported only here: most find the template made.
  const { PGlite } = await import("@electric-sql/pglite");
  const made = `${template}.${process.pid}.${performance.now()}`;
  await mkdir(made, { recursive: true });
  const database = await PGlite.create(made);
  await database.close();
  // Of several that were made at the same time, the first one stays.
  await rename(made, template).catch(() => rm(made, { recursive: true }));
}

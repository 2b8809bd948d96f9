import { DatabaseUnavailableError, DataDirInUseError } from "@org/database";
import { runService } from "@org/kit";
import { name, startApp } from "./app.ts";
import { readConfig } from "./config.ts";

await runService({
  name,
  readConfig,
  start: startApp,
  loadTracing: () => import("@org/kit/tracing"),
  operatorErrors: [DataDirInUseError, DatabaseUnavailableError],
});

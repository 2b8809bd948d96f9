import { runMain } from "@org/kit";
import { startApp } from "./app.ts";
import { readConfig } from "./config.ts";

await runMain(() => startApp(readConfig()));

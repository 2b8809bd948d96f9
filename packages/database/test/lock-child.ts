/** Locks each folder it is sent, says how that went, and stays. */
import { lockDataDir } from "../src/data-dir-lock.ts";

process.on("message", (dataDir) => {
  lockDataDir(String(dataDir)).then(
    () => process.send?.("locked"),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.send?.("ready");

import { cpus } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** Up to this load, a machine does nothing else. */
export const quietLoad = 0.1;

/** How long is looked, in milliseconds. */
const windowMs = 1_000;

/**
 * What the machine does while this process waits, in cores that are busy on average. The load average of the system
 * would count what led up to this, too.
 */
export async function otherLoad(): Promise<number> {
  const before = coreTimes();
  await delay(windowMs);
  const after = coreTimes();
  const shares = after.map(({ idle, all }, core) => {
    const { idle: idleBefore, all: allBefore } = before[core] ?? { idle: 0, all: 0 };
    return all === allBefore ? 0 : 1 - (idle - idleBefore) / (all - allBefore);
  });
  return shares.reduce((sum, share) => sum + share, 0);
}

/** How long each core has been idle and has been there, in milliseconds. */
function coreTimes(): readonly { readonly idle: number; readonly all: number }[] {
  return cpus().map(({ times: { idle, user, nice, sys, irq } }) => ({
    idle,
    all: idle + user + nice + sys + irq,
  }));
}

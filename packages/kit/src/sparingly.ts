/** How far apart lines are that say the same, in milliseconds. */
const intervalMs = 1_000;

/**
 * Makes a log function that writes at most one line a second, with how many were left out before it: what happens
 * in an outage would otherwise be thousands of lines.
 */
export function sparingly(
  write: (fields: Readonly<Record<string, unknown>>) => void,
): (fields: Readonly<Record<string, unknown>>) => void {
  let writtenAt = -Infinity;
  let leftOut = 0;
  return (fields) => {
    const now = performance.now();
    if (now - writtenAt < intervalMs) {
      leftOut += 1;
      return;
    }
    write(leftOut === 0 ? fields : { ...fields, leftOut });
    writtenAt = now;
    leftOut = 0;
  };
}

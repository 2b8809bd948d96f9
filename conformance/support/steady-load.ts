import { Code, RpcError } from "@org/kit/client";

/** How one call of a load went. */
export interface Outcome {
  /** When it began, in milliseconds since the load did. */
  readonly begunMs: number;
  readonly tookMs: number;
  readonly code: Code;
  /** What the status says, or the error that is no status. */
  readonly text: string;
}

/** Calls that begin at a steady rate, whatever becomes of those before. */
export interface SteadyLoad {
  /** Milliseconds since it began. */
  elapsedMs(): number;
  /** Begins no more calls; resolves, once all are over, with how they went. */
  stop(): Promise<readonly Outcome[]>;
}

/** How often calls are begun: as many at a time as are due. */
const tickMs = 4;

/** Begins that many calls a second, each with its number, until it is stopped. */
export function startLoad(
  perSecond: number,
  call: (number: number) => Promise<unknown>,
): SteadyLoad {
  const start = performance.now();
  const outcomes: Outcome[] = [];
  const calls: Promise<void>[] = [];
  const elapsedMs = (): number => performance.now() - start;
  const begin = async (number: number): Promise<void> => {
    const begunMs = elapsedMs();
    let code: Code = Code.OK;
    let text = "";
    try {
      await call(number);
    } catch (error) {
      code = error instanceof RpcError ? error.code : Code.UNKNOWN;
      text = error instanceof RpcError ? error.text : String(error);
    }
    outcomes.push({ begunMs, tookMs: elapsedMs() - begunMs, code, text });
  };
  const timer = setInterval(() => {
    const due = (elapsedMs() / 1000) * perSecond;
    while (calls.length < due) calls.push(begin(calls.length));
  }, tickMs);
  return {
    elapsedMs,
    async stop() {
      clearInterval(timer);
      await Promise.all(calls);
      return outcomes;
    },
  };
}

/** Those that failed. */
export function failuresIn(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ code }) => code !== Code.OK);
}

/** How many there are of each status and text, for a test that fails to tell why. */
export function summaryOf(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code, text } of outcomes) {
    const key = `${Code[code]} ${text.replaceAll(/\d{2,}\S*/g, "…")}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

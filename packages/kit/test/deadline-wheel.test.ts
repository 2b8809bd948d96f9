import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { DeadlineWheel, type Timed } from "../src/deadline-wheel.ts";

/** Longer than the wheel takes to turn once. */
const delaysMs = [0, 1, 3, 4, 5, 17, 40, 40, 40, 333, 2_040, 2_050, 2_300];

class Alarm implements Timed {
  readonly dueAt: number;
  readonly rung: Promise<number>;
  timedSlot = -1;
  previousTimed: Timed | undefined;
  nextTimed: Timed | undefined;
  expire: () => void;

  constructor(delayMs: number) {
    this.dueAt = performance.now() + delayMs;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.rung = promise;
    this.expire = () => {
      resolve(performance.now());
    };
  }
}

// A wheel does not keep the process, nor a test's.
let keeper: NodeJS.Timeout;
beforeEach(() => {
  keeper = setInterval(() => undefined, 1_000);
});
afterEach(() => {
  clearInterval(keeper);
});

test("nothing expires before its time, and all does", async () => {
  const wheel = new DeadlineWheel();
  const alarms = delaysMs.map((delayMs) => new Alarm(delayMs));
  for (const alarm of alarms) wheel.add(alarm);
  for (const alarm of alarms) {
    expect(await alarm.rung).toBeGreaterThanOrEqual(alarm.dueAt);
    expect(alarm.timedSlot).toBe(-1);
  }
});

test("what was removed does not expire, wherever it was among the others", async () => {
  for (const removed of [0, 1, 2]) {
    const wheel = new DeadlineWheel();
    const alarms = [new Alarm(20), new Alarm(20), new Alarm(20)];
    const rung: number[] = [];
    for (const [index, alarm] of alarms.entries()) {
      void alarm.rung.then(() => rung.push(index));
      wheel.add(alarm);
    }
    const gone = alarms[removed];
    if (gone === undefined) throw new Error("there is none");
    wheel.remove(gone);
    // Once more changes nothing.
    wheel.remove(gone);
    const last = new Alarm(40);
    wheel.add(last);
    await last.rung;
    expect(rung.toSorted((a, b) => a - b)).toEqual([0, 1, 2].filter((each) => each !== removed));
  }
});

test("what expires may add more, remove others, and be added again", async () => {
  const wheel = new DeadlineWheel();
  const other = new Alarm(30);
  let hasRung = false;
  void other.rung.then(() => (hasRung = true));
  const next = new Alarm(60);
  const alarm = new Alarm(10);
  const { expire } = alarm;
  alarm.expire = () => {
    wheel.remove(other);
    wheel.add(next);
    expire();
  };
  wheel.add(other);
  wheel.add(alarm);
  await alarm.rung;
  await next.rung;
  expect(hasRung).toBe(false);
});

test("one that is far away does not keep a near one waiting, whichever was added first", async () => {
  const wheel = new DeadlineWheel();
  const far = new Alarm(3_600_000);
  wheel.add(far);
  const near = new Alarm(5);
  wheel.add(near);
  expect(await near.rung).toBeLessThan(far.dueAt);
  wheel.remove(far);
  const later = new Alarm(5);
  wheel.add(later);
  expect(await later.rung).toBeGreaterThanOrEqual(later.dueAt);
});

import type { Answer } from "./rehearsal-driver.ts";

/**
 * What an earlier client got and a current one does not get, a line for each value; nothing where both
 * got the same. Calls and fields that the earlier contract has not are passed over. A UUID may be any,
 * as long as each stands for the same thing wherever it occurs; so may the second something was made.
 */
export function answerDifferences(
  earlier: readonly Answer[],
  current: readonly Answer[],
): readonly string[] {
  const found = valuesOf(current);
  const sameIds = idMatcher();
  return Array.from(valuesOf(earlier)).flatMap(([path, was]) => {
    const is = found.get(path);
    return is !== undefined && matches(was, is, sameIds)
      ? []
      : [`${path} is ${is ?? "missing"}, and was ${was}`];
  });
}

/** Each value in the answers, as JSON, by the path to it. */
function valuesOf(answers: readonly Answer[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const add = (path: string, value: unknown): void => {
    if (typeof value !== "object" || value === null) {
      values.set(path, JSON.stringify(value));
    } else if (Array.isArray(value)) {
      values.set(`${path}.length`, String(value.length));
      for (const [index, element] of value.entries()) add(`${path}[${index}]`, element);
    } else {
      for (const [key, property] of Object.entries(value)) add(`${path}.${key}`, property);
    }
  };
  for (const { call, ...answer } of answers) add(call, answer);
  return values;
}

/** Whether an id may stand for an earlier one. */
type IdMatcher = (was: string, is: string) => boolean;

/** Takes each id to stand for the one it was first compared with, and for no other. */
function idMatcher(): IdMatcher {
  const forward = new Map<string, string>();
  const back = new Map<string, string>();
  return (was, is) => {
    if (!forward.has(was) && !back.has(is)) {
      forward.set(was, is);
      back.set(is, was);
    }
    return forward.get(was) === is && back.get(is) === was;
  };
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** An int64 of the driver's: a count of seconds, in the years 2020 to 2033. */
const seconds = /^"1[6-9]\d{8}n"$/;

function matches(was: string, is: string, sameIds: IdMatcher): boolean {
  if (seconds.test(was) && seconds.test(is)) return true;
  if (was.replaceAll(uuid, "<id>") !== is.replaceAll(uuid, "<id>")) return false;
  const ids = is.match(uuid) ?? [];
  return (was.match(uuid) ?? []).every((id, index) => sameIds(id, ids[index] ?? ""));
}

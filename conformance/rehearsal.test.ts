/** Can today's services and clients be rolled out one after the other, among those released before? */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Code } from "@org/client";
import { chooseContractBase } from "../scripts/contract-base.ts";
import { answerDifferences } from "./support/answer-differences.ts";
import { type EarlierRelease, unpackRelease } from "./support/earlier-release.ts";
import type { Answer } from "./support/rehearsal-driver.ts";
import { mustRunTool, root } from "./support/run-tool.ts";
import { type ServiceProcess, startService } from "./support/service-process.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const todaysDriver = join(import.meta.dirname, "support/rehearsal-driver.ts");
const kinds = new Set(["unary", "server streaming", "client streaming", "bidirectional"]);

/** What came of the same calls of the same services, by the client that made them. */
interface Rehearsed {
  readonly earlierClient: readonly Answer[];
  readonly todaysClient: readonly Answer[];
}

const base = await chooseContractBase();
if (base.commit === undefined) {
  // Jest shows the names of tests only where it runs a single file.
  console.warn(`There is no earlier release to rehearse with: ${base.reason}`);
  // oxlint-disable-next-line jest/no-disabled-tests, jest/expect-expect -- It counts as skipped, and not as passed.
  test.skip(`there is no earlier release: ${base.reason}`, () => undefined);
} else {
  rehearse(base.commit, base.description);
}

function rehearse(commit: string, description: string): void {
  describe(`with ${description}`, () => {
    const resources: AsyncDisposable[] = [];
    let earlier: EarlierRelease;
    let earlierServices: readonly ServiceProcess[];
    /** Where the earlier services leave, when they end, which files they ran. */
    let coverage: string;
    /** What the clients got from the earlier services, and from today's. */
    let before: Rehearsed;
    let today: Rehearsed;

    beforeAll(async () => {
      const folder = await temporaryFolder();
      resources.push(folder);
      const release = join(folder.path, "release");
      await mkdir(release);
      earlier = await unpackRelease(commit, release);
      coverage = join(folder.path, "coverage");

      earlierServices = await startServices(earlier.folder, join(folder.path, "earlier"), {
        NODE_V8_COVERAGE: coverage,
      }).catch((cause: unknown) => {
        throw new Error("the earlier services do not start with the packages of today", { cause });
      });
      resources.push(...earlierServices);
      const todaysServices = await startServices(root, join(folder.path, "today"));
      resources.push(...todaysServices);
      [before, today] = await Promise.all([
        rehearseWith(earlierServices, earlier),
        rehearseWith(todaysServices, earlier),
      ]);
    }, 90_000);

    afterAll(async () => {
      for (const resource of resources.toReversed()) await resource[Symbol.asyncDispose]();
    });

    test("the calls are of all four kinds, and succeed or fail as they should", () => {
      const succeeded = before.earlierClient.filter(({ failure }) => failure === null);
      expect(new Set(succeeded.map(({ kind }) => kind))).toEqual(kinds);
      const codes = before.earlierClient.flatMap(({ failure }) => failure?.code ?? []);
      expect(new Set(codes)).toEqual(
        new Set([Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.ALREADY_EXISTS]),
      );
    });

    test("the earlier client gets the same from today's services", () => {
      expect(answerDifferences(before.earlierClient, today.earlierClient)).toEqual([]);
    });

    test("today's client gets the same from the earlier services", () => {
      expect(answerDifferences(before.earlierClient, before.todaysClient)).toEqual([]);
    });

    test("today's client gets the same from today's services", () => {
      expect(answerDifferences(before.earlierClient, today.todaysClient)).toEqual([]);
    });

    test("the earlier client is made of nothing of ours but its own", async () => {
      const files = (await sourcesOf(earlier.driver)).filter(isOurs);
      expect(files.filter((file) => !isEarlier(file))).toEqual([]);
      expect(files.map(packageOf)).toEqual(expect.arrayContaining(["client", "contracts", "kit"]));
    });

    test("the earlier services run nothing of ours but their own", async () => {
      for (const service of earlierServices) service.kill("SIGTERM");
      for (const { ended } of earlierServices) expect(await ended).toMatchObject({ code: 0 });
      const files = (await filesRunBy(coverage)).filter(isOurs);
      expect(files.filter((file) => !isEarlier(file))).toEqual([]);
      expect(files.map(packageOf)).toEqual(
        expect.arrayContaining(["contracts", "database", "kit", "product-service", "user-service"]),
      );
    });

    const isEarlier = (file: string): boolean => file.startsWith(earlier.folder + sep);
  });
}

describe("what a client gets", () => {
  const id = (n: number): string => `019a0000-0000-7000-8000-00000000000${n}`;
  const user = { id: id(1), name: "Ada", createdAt: "1700000000n" };
  const list = { call: "List", kind: "server streaming", messages: [user], failure: null } as const;
  const failure = { code: Code.NOT_FOUND, reason: "NOBODY", violations: ["user_id"] };
  const miss = { call: "Miss", kind: "unary", messages: [], failure } as const;
  const again = { ...list, call: "Again" };
  const earlier: readonly Answer[] = [list, miss, again];

  test.each<[string, readonly Answer[]]>([
    ["nothing else", earlier],
    ["calls that are new", [{ ...miss, call: "New" }, ...earlier]],
    ["a field that is new", [{ ...list, messages: [{ locale: id(9), ...user }] }, miss, again]],
    ["other ids", earlier.map((answer) => withUser(answer, { id: id(2) }))],
    ["a later time", [withUser(list, { createdAt: "1700000001n" }), miss, again]],
  ])("is the same with %s", (_, current) => {
    expect(answerDifferences(earlier, current)).toEqual([]);
  });

  test.each<[string, readonly Answer[], readonly string[]]>([
    [
      "another value",
      [withUser(list, { name: "Eva" }), miss, again],
      ['List.messages[0].name is "Eva", and was "Ada"'],
    ],
    [
      "another type",
      [withUser(list, { createdAt: 1_700_000_000 }), miss, again],
      ['List.messages[0].createdAt is 1700000000, and was "1700000000n"'],
    ],
    [
      "another unit",
      [withUser(list, { createdAt: "1700000000000n" }), miss, again],
      ['List.messages[0].createdAt is "1700000000000n", and was "1700000000n"'],
    ],
    [
      "a field that is gone",
      [{ ...list, messages: [{ id: user.id, createdAt: user.createdAt }] }, miss, again],
      ['List.messages[0].name is missing, and was "Ada"'],
    ],
    [
      "a message more",
      [{ ...list, messages: [user, user] }, miss, again],
      ["List.messages.length is 2, and was 1"],
    ],
    [
      "a call that fails in another way",
      [list, { ...miss, failure: { ...failure, code: Code.INTERNAL, violations: [] } }, again],
      [
        `Miss.failure.code is ${Code.INTERNAL}, and was ${Code.NOT_FOUND}`,
        "Miss.failure.violations.length is 0, and was 1",
        'Miss.failure.violations[0] is missing, and was "user_id"',
      ],
    ],
    [
      "a call that succeeds",
      [list, { ...miss, failure: null }, again],
      [
        `Miss.failure.code is missing, and was ${Code.NOT_FOUND}`,
        'Miss.failure.reason is missing, and was "NOBODY"',
        "Miss.failure.violations.length is missing, and was 1",
        'Miss.failure.violations[0] is missing, and was "user_id"',
      ],
    ],
    [
      "an id that is not the same twice",
      [list, miss, withUser(again, { id: id(2) })],
      [`Again.messages[0].id is "${id(2)}", and was "${id(1)}"`],
    ],
  ])("differs by %s", (_, current, differences) => {
    expect(answerDifferences(earlier, current)).toEqual(differences);
  });

  test("differs by one id for two things", () => {
    const others = [list, withUser(again, { id: id(2) })];
    expect(answerDifferences(others, [list, again])).toEqual([
      `Again.messages[0].id is "${id(1)}", and was "${id(2)}"`,
    ]);
  });

  function withUser(answer: Answer, fields: object): Answer {
    return { ...answer, messages: answer.messages.map(() => ({ ...user, ...fields })) };
  }
});

/** Starts both services of a release from their sources. Where one does not start, none is left running. */
async function startServices(
  folder: string,
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<readonly ServiceProcess[]> {
  const starting = ["product-service", "user-service"].map((name) =>
    startService({ name, dataDir, entry: join(folder, "packages", name, "src/main.ts"), env }),
  );
  const outcomes = await Promise.allSettled(starting);
  if (outcomes.some(({ status }) => status === "rejected")) {
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") await outcome.value[Symbol.asyncDispose]();
    }
  }
  return Promise.all(starting);
}

/** Makes the calls with both clients, one after the other: each lists the newest users. */
async function rehearseWith(
  services: readonly ServiceProcess[],
  { driver }: EarlierRelease,
): Promise<Rehearsed> {
  const earlierClient = await callAll(driver, services);
  return { earlierClient, todaysClient: await callAll(todaysDriver, services) };
}

/** Makes the calls of product-service and user-service. */
async function callAll(
  driver: string,
  services: readonly ServiceProcess[],
): Promise<readonly Answer[]> {
  const targets = services.map(({ target }) => target);
  const printed = await mustRunTool(process.execPath, [driver, ...targets]);
  return printed.trimEnd().split("\n").map(parseAnswer);
}

function parseAnswer(line: string): Answer {
  const answer: unknown = JSON.parse(line);
  if (!isAnswer(answer)) throw new Error(`the driver printed ${line}`);
  return answer;
}

/** Whether it is what the driver prints: a line of its output is that, or of somebody else. */
function isAnswer(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && "call" in value && "messages" in value;
}

/** The files that a bundle was made of. */
async function sourcesOf(bundle: string): Promise<string[]> {
  const map: unknown = JSON.parse(await readFile(`${bundle}.map`, "utf8"));
  const sources: unknown = typeof map === "object" && map !== null && Reflect.get(map, "sources");
  if (!Array.isArray(sources)) throw new Error(`${bundle}.map names no sources`);
  return sources.map((source) => resolve(dirname(bundle), String(source)));
}

/** The files that processes ran which reported their coverage into a folder. */
async function filesRunBy(reports: string): Promise<string[]> {
  const texts = (await readdir(reports)).map((name) => readFile(join(reports, name), "utf8"));
  const urls = (await Promise.all(texts)).join().matchAll(/"url":"(file:[^"]*)"/g);
  return Array.from(urls, ([, url = ""]) => fileURLToPath(url));
}

/** Whether a file does not come from the registry. */
function isOurs(file: string): boolean {
  return !file.split(sep).includes("node_modules");
}

/** The folder in `packages/` that a file belongs to. */
function packageOf(file: string): string | undefined {
  return file.split(sep).find((_, index, path) => path[index - 1] === "packages");
}

import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { root } from "./run.ts";

const users = "proto/org/user/v1/user_service.proto";
const products = "proto/org/product/v1/product_service.proto";
const unused = 'import "google/type/date.proto";';

// Nothing of where the tests run, such as a pull request's checks or a git hook, may decide what
// they see.
const env = {
  PATH: process.env["PATH"],
  HOME: process.env["HOME"],
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
};

let repository: string;

beforeEach(async () => {
  repository = await mkdtemp(join(tmpdir(), "contract-breaking-test-"));
  for (const path of ["proto", "buf.yaml", "scripts", "package.json"]) {
    await cp(join(root, path), join(repository, path), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(repository, "node_modules"));
  await git("init", "--quiet", "--initial-branch=main");
  await writeFile(join(repository, ".gitignore"), "node_modules\n");
  await commit("The base");
});

afterEach(async () => {
  await rm(repository, { recursive: true });
});

describe("a change that breaks clients fails, by Buf's rule:", () => {
  test("a field gets another number", async () => {
    await edit(products, "string category = 5", "string category = 15");
    const { code, output } = await contractBreaking();
    expect(output).toContain(`${products}:`);
    expect(output).toContain("FIELD_NO_DELETE");
    expect(output).toContain("org.product.v1.Product.category was renumbered from 5 to 15.");
    expect(code).toBe(1);
  });

  test("two fields swap their numbers", async () => {
    await edit(users, "string name = 2", "string name = 3");
    await edit(users, "string email = 3", "string email = 2");
    const { code, output } = await contractBreaking();
    expect(output).toContain("FIELD_SAME_NAME");
    expect(output).toContain("org.user.v1.User.name was renumbered from 2 to 3.");
    expect(output).toContain("org.user.v1.User.email was renumbered from 3 to 2.");
    expect(code).toBe(1);
  });

  test("a field gets another type", async () => {
    await edit(users, "int64 created_at = 5", "string created_at = 5");
    const { code, output } = await contractBreaking();
    expect(output).toMatch(/user_service\.proto:\d+:\d+: FIELD_SAME_TYPE\n.*"created_at"/);
    expect(output).not.toContain("renumbered");
    expect(code).toBe(1);
  });

  test("a field is removed and not reserved", async () => {
    await edit(users, /int64 created_at = 5[^;]*;/, "");
    const { code, output } = await contractBreaking();
    expect(output).toMatch(/user_service\.proto:\d+:\d+: FIELD_NO_DELETE\n.*"created_at"/);
    expect(code).toBe(1);
  });

  test("a method gets another name", async () => {
    await edit(users, "rpc GetUser(", "rpc FindUser(");
    const { code, output } = await contractBreaking();
    expect(output).toMatch(/user_service\.proto:\d+:\d+: RPC_NO_DELETE\n.*"GetUser"/);
    expect(code).toBe(1);
  });

  test("a unary method starts to stream", async () => {
    await edit(
      users,
      "rpc GetUser(GetUserRequest) returns (User)",
      "rpc GetUser(GetUserRequest) returns (stream User)",
    );
    const { code, output } = await contractBreaking();
    expect(output).toMatch(/user_service\.proto:\d+:\d+: RPC_SAME_SERVER_STREAMING\n.*"GetUser"/);
    expect(code).toBe(1);
  });

  test("every one of several changes is reported", async () => {
    await edit(users, "int32 age = 4", "int64 age = 4");
    await edit(products, "rpc GetProduct(", "rpc FindProduct(");
    const { output } = await contractBreaking();
    expect(output).toContain("FIELD_SAME_TYPE");
    expect(output).toContain("RPC_NO_DELETE");
  });
});

describe("a change that no client notices passes:", () => {
  test.each([
    ["a field", users, "message User {", "message User {\n  string locale = 100;"],
    ["a message", users, "message User {", "message Added { string id = 1; }\nmessage User {"],
    [
      "a method",
      users,
      "service UserService {",
      "service UserService {\n  rpc FindUser(GetUserRequest) returns (User);",
    ],
    // The file it names is no longer in the image, and was never ours.
    ["an import less", products, unused, ""],
  ])("%s", async (_, file, before, after) => {
    await edit(products, "package org.product.v1;", `package org.product.v1;${unused}`);
    await commit("Import what is not used");
    await edit(file, before, after);
    const { code, output } = await contractBreaking();
    expect(output).toContain("no breaking change");
    expect(code).toBe(0);
  });
});

describe("a change that allows callers less fails:", () => {
  test("of a policy and of a rule, with what was and is", async () => {
    await edit(users, 'scopes: "users.read"', 'scopes: ["users.read", "users.admin"]');
    await edit(users, "max_len: 200", "max_len: 100");
    const { code, output } = await contractBreaking();
    expect(output).toMatch(
      /user_service\.proto:\d+:3: METHOD_SCOPE_ADDED\n {2}scopes were users\.read, are users\.read, users\.admin\./,
    );
    expect(output).toContain("  element: org.user.v1.UserService.GetUser\n");
    expect(output).toMatch(
      /user_service\.proto:\d+:3: FIELD_RULE_TIGHTENED\n.*lengths no longer accepted: 101 to 200\./,
    );
    expect(output).toContain("  element: org.user.v1.CreateUserRequest.name\n");
    expect(code).toBe(1);
  });

  test("that a method is less idempotent, but not that it is more so", async () => {
    const idempotent = "option idempotency_level = IDEMPOTENT;";
    await edit(products, idempotent, "");
    await edit(users, "returns (User) {\n    option (", `returns (User) { ${idempotent} option (`);
    const { code, output } = await contractBreaking();
    expect(output.match(/[A-Z]+_[A-Z_]+$/gm)).toEqual(["METHOD_IDEMPOTENCY_LOWERED"]);
    expect(output).toContain("  element: org.product.v1.ProductService.ImportProducts\n");
    expect(code).toBe(1);
  });
});

describe("waivers", () => {
  const age = { rule: "FIELD_SAME_TYPE", element: "org.user.v1.User.age", expires: inDays(30) };
  const name = {
    rule: "FIELD_RULE_TIGHTENED",
    element: "org.user.v1.CreateUserRequest.name",
    expires: inDays(30),
  };
  const breakBoth = async (): Promise<void> => {
    await edit(users, "int32 age = 4", "int64 age = 4");
    await edit(users, "max_len: 200", "max_len: 100");
  };

  test("let breaks pass, and are printed", async () => {
    await breakBoth();
    await waive(age, name, { ...age, element: "org.user.v1.User.id" });
    const { code, output } = await contractBreaking();
    expect(output).toContain(
      `waived until ${age.expires} by team-test: FIELD_SAME_TYPE org.user.v1.User.age\n`,
    );
    expect(output).toContain(
      "by team-test: FIELD_RULE_TIGHTENED org.user.v1.CreateUserRequest.name",
    );
    expect(output).toContain("nothing needs the waiver of FIELD_SAME_TYPE org.user.v1.User.id");
    expect(output).toContain("no other breaking change");
    expect(code).toBe(0);
  });

  test("let no other break pass", async () => {
    await breakBoth();
    await waive(name);
    const { code, output } = await contractBreaking();
    expect(output).toMatch(/user_service\.proto:\d+:\d+: FIELD_SAME_TYPE\n/);
    expect(output).not.toMatch(/: FIELD_RULE_TIGHTENED\n/);
    expect(code).toBe(1);
  });

  test("that expired fail, needed or not, with a base or without", async () => {
    await waive({ ...age, expires: inDays(-2) });
    const expired = `the waiver of FIELD_SAME_TYPE org.user.v1.User.age expired on ${inDays(-2)}`;
    for (const added of [{}, { GIT_DIR: join(repository, "nowhere") }]) {
      const { code, output } = await contractBreaking(added);
      expect(output).toContain(expired);
      expect(output).toContain("its owner is team-test");
      expect(code).toBe(1);
    }
  });

  test("that are wrong fail, before anything is compared", async () => {
    await waive({ ...age, expires: "soon" });
    const { code, output } = await contractBreaking();
    expect(output).toContain("contract-waivers.yaml: waivers[0].expires: must be a day");
    expect(output).not.toContain("compared with");
    expect(code).toBe(1);
  });
});

test("every finding of Buf's names its element", async () => {
  const extra = "proto/org/user/v1/extra.proto";
  const file = (text: string): string => `syntax = "proto3"; package org.user.v1; ${text}`;
  const gone = "message Gone {} enum GoneEnum { A = 0; } service GoneService {}";
  const message = `message Outer {
    message Inner { string x = 1; oneof o { string y = 2; string z = 3; } message GoneToo {} }
    enum Kind { KIND_A = 0; KIND_B = 1; }
    repeated string kept = 1;
  }
  service Kept { rpc Stay(Outer) returns (Outer); rpc Leave(Outer) returns (Outer); }`;
  await writeFile(join(repository, extra), file(`${gone} ${message}`));
  await writeFile(join(repository, "proto/org/user/v1/gone.proto"), file("message InGoneFile {}"));
  await commit("Add what will go");
  await rm(join(repository, "proto/org/user/v1/gone.proto"));
  const left = `option go_package = "x"; message Outer {
    message Inner { string renamed = 1; }
    enum Kind { KIND_A = 0; }
    string kept = 1;
  }
  service Kept { rpc Stay(stream Outer) returns (Outer); }`;
  await writeFile(join(repository, extra), file(left));
  const { code, output } = await contractBreaking();
  const found = output.matchAll(/[A-Z]+_[A-Z_]+\n.*\n {2}element: .+/g);
  const shown = [...found].map(([text]) => text.replace(/\n[^]*element:/, ""));
  expect(shown.toSorted()).toEqual([
    "ENUM_NO_DELETE org.user.v1.GoneEnum",
    "ENUM_VALUE_NO_DELETE org.user.v1.Outer.Kind.KIND_B",
    "FIELD_NO_DELETE org.user.v1.Outer.Inner.y",
    "FIELD_NO_DELETE org.user.v1.Outer.Inner.z",
    "FIELD_SAME_CARDINALITY org.user.v1.Outer.kept",
    "FIELD_SAME_JSON_NAME org.user.v1.Outer.Inner.renamed",
    "FIELD_SAME_NAME org.user.v1.Outer.Inner.renamed",
    "FILE_NO_DELETE org/user/v1/gone.proto",
    "FILE_SAME_GO_PACKAGE org/user/v1/extra.proto",
    "MESSAGE_NO_DELETE org.user.v1.Gone",
    "MESSAGE_NO_DELETE org.user.v1.Outer.Inner.GoneToo",
    "ONEOF_NO_DELETE org.user.v1.Outer.Inner.o",
    "RPC_NO_DELETE org.user.v1.Kept.Leave",
    "RPC_SAME_CLIENT_STREAMING org.user.v1.Kept.Stay",
    "SERVICE_NO_DELETE org.user.v1.GoneService",
  ]);
  expect(code).toBe(1);
});

describe("the base is", () => {
  test("the previous commit, when the change is committed", async () => {
    await edit(users, "int32 age = 4", "int64 age = 4");
    await commit("Break the contract");
    const broken = await contractBreaking();
    expect(broken.output).toContain(`compared with ${await hash("HEAD~1")}, the previous commit`);
    expect(broken.code).toBe(1);

    await edit("package.json", '"private": true', '"private": false');
    await commit("Leave the contract alone");
    const after = await contractBreaking();
    expect(after.output).toContain(`compared with ${await hash("HEAD~1")}, the previous commit`);
    expect(after.code).toBe(0);
  });

  test("where a change of several commits began, as far as that can be told", async () => {
    const began = await hash("HEAD");
    await edit(users, "int32 age = 4", "int64 age = 4");
    await commit("Break the contract");
    await edit("package.json", '"private": true', '"private": false');
    await commit("Leave the contract alone");

    const pushed = await contractBreaking({ CONTRACT_BASE: began });
    expect(pushed.output).toContain(`compared with ${began}, where this push began`);
    expect(pushed.code).toBe(1);
    // As GitHub has it for the first push of a branch.
    const first = await contractBreaking({ CONTRACT_BASE: "0".repeat(40) });
    expect(first.output).toContain("the previous commit");

    await git("update-ref", "refs/remotes/origin/main", began);
    await git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main");
    const ahead = await contractBreaking();
    expect(ahead.output).toContain(`compared with ${began}, where this clone left origin/HEAD`);
    expect(ahead.code).toBe(1);

    await git("update-ref", "refs/remotes/origin/main", "HEAD");
    const level = await contractBreaking();
    expect(level.output).toContain("the previous commit");
    expect(level.code).toBe(0);
  });

  test("HEAD, when the change is not committed", async () => {
    await edit(users, "int32 age = 4", "int64 age = 4");
    const { code, output } = await contractBreaking();
    expect(output).toContain(`compared with ${await hash("HEAD")}, the previous commit`);
    expect(code).toBe(1);
  });

  test("the last release that a tag contracts-v* names, however long ago", async () => {
    await git("tag", "contracts-v1.0.0");
    await git("tag", "unrelated-v9");
    await edit(users, "int32 age = 4", "int64 age = 4");
    await commit("Break the contract");
    await edit("package.json", '"private": true', '"private": false');
    await commit("Leave the contract alone");
    const broken = await contractBreaking();
    expect(broken.output).toContain(await hash("contracts-v1.0.0"));
    expect(broken.output).toContain("tag contracts-v1.0.0");
    expect(broken.output).toContain("FIELD_SAME_TYPE");
    expect(broken.code).toBe(1);

    // A tag on the change itself must not make it its own base.
    await git("tag", "contracts-v1.1.0");
    expect((await contractBreaking()).output).toContain("tag contracts-v1.0.0");

    await edit("package.json", '"private": false', '"private": true');
    await commit("Go on from that release");
    const after = await contractBreaking();
    expect(after.output).toContain("tag contracts-v1.1.0");
    expect(after.code).toBe(0);
  });

  test("where a pull request's branch left its base branch", async () => {
    const fork = await hash("HEAD");
    await git("switch", "--quiet", "--create=feature");
    await edit(users, "message User {", "message User {\n  string locale = 100;");
    await commit("Add a field");
    await git("tag", "contracts-v2.0.0");
    await git("switch", "--quiet", "main");
    // Against this, the branch looks as if it had deleted a method.
    await edit(
      users,
      "service UserService {",
      "service UserService {\n  rpc FindUser(GetUserRequest) returns (User);",
    );
    await commit("Add a method on the base branch");
    await git("switch", "--quiet", "feature");

    const unbroken = await contractBreaking({ CI: "true", GITHUB_BASE_REF: "main" });
    expect(unbroken.output).toContain(`compared with ${fork}, where this branch left main`);
    expect(unbroken.code).toBe(0);

    await edit(users, "int32 age = 4", "int64 age = 4");
    await commit("Break the contract");
    await edit("package.json", '"private": true', '"private": false');
    await commit("Leave the contract alone");
    const broken = await contractBreaking({ CI: "true", GITHUB_BASE_REF: "main" });
    expect(broken.output).toContain(`compared with ${fork}`);
    expect(broken.output).toContain("FIELD_SAME_TYPE");
    expect(broken.code).toBe(1);
  });

  test("found on origin, where a clone has no branch of that name", async () => {
    await git("update-ref", "refs/remotes/origin/release/1", "HEAD");
    await edit(users, "int32 age = 4", "int64 age = 4");
    await commit("Break the contract");
    const { code, output } = await contractBreaking({ CI: "true", GITHUB_BASE_REF: "release/1" });
    expect(output).toContain("where this branch left origin/release/1");
    expect(code).toBe(1);
  });
});

describe("without a base", () => {
  test("a pull request's check fails, and says how to fetch it", async () => {
    const { code, output } = await contractBreaking({ CI: "true", GITHUB_BASE_REF: "elsewhere" });
    expect(output).toContain('the branch "elsewhere"');
    expect(output).toContain("fetch-depth: 0");
    expect(code).toBe(1);
  });

  test("a pull request's check fails when the clone does not reach back to the fork", async () => {
    await git("switch", "--quiet", "--orphan=unrelated");
    await git("commit", "--quiet", "--allow-empty", "--message=Nothing");
    await git("switch", "--quiet", "main");
    const { code, output } = await contractBreaking({ CI: "true", GITHUB_BASE_REF: "unrelated" });
    expect(output).toContain("fetch-depth: 0");
    expect(code).toBe(1);
  });

  test("the first commit passes", async () => {
    const { code, output } = await contractBreaking({ CI: "true", GITHUB_BASE_REF: "" });
    expect(output).toContain("compared with nothing: nothing was committed before.");
    expect(code).toBe(0);
  });

  test("the first contract passes", async () => {
    await git("rm", "-r", "--quiet", "--cached", "proto");
    await commitStaged("A base without a contract");
    const { code, output } = await contractBreaking();
    expect(output).toContain("has no .proto file in proto/");
    expect(code).toBe(0);
  });

  test("a folder that is no git repository passes", async () => {
    await rm(join(repository, ".git"), { recursive: true });
    const { code, output } = await contractBreaking();
    expect(output).toContain("not a git repository");
    expect(code).toBe(0);
  });

  test("a shallow clone passes by hand, and fails in a workflow", async () => {
    await edit(users, "int32 age = 4", "int64 age = 4");
    await commit("Break the contract");
    await writeFile(join(repository, ".git/shallow"), `${await git("rev-parse", "HEAD")}\n`);
    const byHand = await contractBreaking({ CI: "true" });
    expect(byHand.output).toContain("this clone is shallow");
    expect(byHand.code).toBe(0);
    const workflow = await contractBreaking({ CI: "true", GITHUB_ACTIONS: "true" });
    expect(workflow.output).toContain("fetch-depth: 0");
    expect(workflow.code).toBe(1);
  });
});

describe("a contract that does not build fails, and shows why:", () => {
  test("the working tree's", async () => {
    await edit(users, "message User {", "message Usr {");
    const { code, output } = await contractBreaking();
    expect(output).toMatch(/The working tree's contract does not build:\nproto\/.*:\d+:\d+:/);
    expect(code).toBe(1);
  });

  test("the base's", async () => {
    await edit(users, "message User {", "message Usr {");
    await commit("Break the build");
    await edit(users, "message Usr {", "message User {");
    const { code, output } = await contractBreaking();
    expect(output).toMatch(/The contract of \w{7}, .* does not build:\nproto\/.*:\d+:\d+:/);
    expect(code).toBe(1);
  });
});

test("nothing is left behind", async () => {
  await edit(users, "int32 age = 4", "int64 age = 4");
  const temporary = await mkdtemp(join(repository, "tmp-"));
  const { code } = await contractBreaking({ TMPDIR: temporary });
  expect(code).toBe(1);
  expect(await readdir(temporary)).toEqual([]);
});

interface Result {
  readonly code: number;
  readonly output: string;
}

/** Runs the script as the copy's `pnpm contract:breaking` does. */
function contractBreaking(added: Readonly<Record<string, string>> = {}): Promise<Result> {
  const { promise, resolve } = Promise.withResolvers<Result>();
  const child = execFile(
    process.execPath,
    ["scripts/contract-breaking.ts"],
    { cwd: repository, env: { ...env, ...added } },
    (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr });
    },
  );
  return promise;
}

/** Waives what the waivers name, in the copy. */
async function waive(
  ...waivers: readonly { rule: string; element: string; expires: string }[]
): Promise<void> {
  const entries = waivers.map((each) => ({ ...each, owner: "team-test", reason: "A test." }));
  // JSON is YAML.
  const text = JSON.stringify({ waivers: entries });
  await writeFile(join(repository, "contract-waivers.yaml"), text);
}

/** A day, as waivers have it. */
function inDays(days: number): string {
  return new Date(Date.now() + days * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
}

async function edit(file: string, before: string | RegExp, after: string): Promise<void> {
  const path = join(repository, file);
  const text = await readFile(path, "utf8");
  const edited = text.replace(before, after);
  expect(edited).not.toBe(text);
  await writeFile(path, edited);
}

async function commit(message: string): Promise<void> {
  await git("add", "--all");
  await commitStaged(message);
}

async function commitStaged(message: string): Promise<void> {
  await git("commit", "--quiet", `--message=${message}`);
}

async function hash(ref: string): Promise<string> {
  return (await git("rev-parse", ref)).slice(0, 7);
}

async function git(...args: readonly string[]): Promise<string> {
  const author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
  const { stdout } = await promisify(execFile)("git", [...author, ...args], {
    cwd: repository,
    env,
  });
  return stdout.trim();
}

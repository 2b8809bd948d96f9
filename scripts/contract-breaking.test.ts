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

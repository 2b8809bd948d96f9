/**
 * The earlier contract that the current one has to stay compatible with: which commit it is, and
 * the descriptor images of both. The current contract is that of the working tree.
 */
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun, root, run } from "./run.ts";

/** All that decides what the contract is, besides what node_modules holds. */
const sources = ["proto", "buf.yaml"];

/** What buf.yaml needs besides, to be read at all. */
const otherModules = ["packages/protoc-gen-contract/test/proto"];

/** The commit whose contract is the base. */
export interface ContractBase {
  /** The commit's full hash. */
  readonly commit: string;
  /** What it is and why it was chosen, to be read after "compared with". */
  readonly description: string;
}

/** There is no earlier contract. */
export interface NoContractBase {
  readonly commit: undefined;
  /** Why not, as a clause. */
  readonly reason: string;
}

/** Files with an encoded google.protobuf.FileDescriptorSet each; imports included. */
export interface ContractImages {
  readonly base: string;
  readonly current: string;
}

/**
 * Chooses the commit to compare the working tree's contract with:
 *
 * 1. with `GITHUB_BASE_REF` set, as a pull request's checks have it: where this branch left that
 *    branch, so that what others merged there since is not held against this change;
 * 2. else the last tag `contracts-v*`: what was released;
 * 3. else, with `CONTRACT_BASE` set to a commit that is here, that one: where a push began;
 * 4. else, where this clone is ahead of `origin/HEAD`, where it left it: all that is not pushed yet;
 * 5. else the commit before.
 *
 * "Before" and "last" count from the change at hand. While the contract has uncommitted changes,
 * these are the change, and HEAD comes before it. Otherwise HEAD is the change, and comparing it
 * with itself, or with a tag on it, would find nothing whatever it did.
 *
 * Rejects where there must be an earlier contract but this clone does not have it.
 */
export async function chooseContractBase(
  env: NodeJS.ProcessEnv = process.env,
): Promise<ContractBase | NoContractBase> {
  const baseBranch = env["GITHUB_BASE_REF"] ?? "";
  const base =
    baseBranch === "" ? await lastReleaseOrCommit(env) : await whereBranchLeft(baseBranch);
  if (base.commit === undefined) return base;
  const files = await git("ls-tree", "-r", "--name-only", base.commit, "--", "proto");
  if (files?.includes(".proto") === true) return base;
  return { commit: undefined, reason: `${base.description} has no .proto file in proto/` };
}

async function whereBranchLeft(branch: string): Promise<ContractBase> {
  const advice =
    "Fetch the base branch with its history; with actions/checkout, that is `fetch-depth: 0`.";
  const ref = (await resolves(`origin/${branch}`)) ? `origin/${branch}` : branch;
  if (!(await resolves(ref))) {
    throw new Error(
      `GITHUB_BASE_REF names the branch "${branch}", but neither origin/${branch} nor ${branch} is in this clone. ${advice}`,
    );
  }
  const commit = await git("merge-base", "HEAD", ref);
  if (commit === undefined) {
    throw new Error(`This clone does not reach back to where HEAD and ${ref} parted. ${advice}`);
  }
  return {
    commit,
    description: `${short(commit)}, where this branch left ${ref} (GITHUB_BASE_REF is set)`,
  };
}

async function lastReleaseOrCommit(env: NodeJS.ProcessEnv): Promise<ContractBase | NoContractBase> {
  const problem = await gitProblem();
  if (problem !== undefined) return { commit: undefined, reason: problem };

  const uncommitted = (await git("status", "--porcelain", "--", ...sources)) !== "";
  const before = uncommitted ? "HEAD" : "HEAD~1";
  const tag = await git("describe", "--tags", "--abbrev=0", "--match", "contracts-v*", before);
  const commit = await git("rev-parse", "--verify", "--quiet", `${tag ?? before}^{commit}`);
  if (commit === undefined) {
    if ((await git("rev-parse", "--is-shallow-repository")) !== "true") {
      return { commit: undefined, reason: "nothing was committed before" };
    }
    const reason = "this clone is shallow: the commits before are not in it";
    // A workflow can fetch them; whoever cloned only to look may not want to.
    if (env["GITHUB_ACTIONS"] !== "true") return { commit: undefined, reason };
    throw new Error(`No base for the contract, because ${reason}. Set \`fetch-depth: 0\`.`);
  }
  if (tag !== undefined) {
    return {
      commit,
      description: `${short(commit)}, the last release before this change (tag ${tag})`,
    };
  }
  const earlier = await whereChangeBegan(env);
  if (earlier !== undefined) return earlier;
  const why = uncommitted
    ? "the contract has uncommitted changes"
    : "the contract has no uncommitted changes";
  return { commit, description: `${short(commit)}, the previous commit (${before}: ${why})` };
}

/** The commit before a change of several commits; undefined where nothing tells that there are several. */
async function whereChangeBegan(env: NodeJS.ProcessEnv): Promise<ContractBase | undefined> {
  const head = await git("rev-parse", "--verify", "--quiet", "HEAD");
  const given = env["CONTRACT_BASE"] ?? "";
  // A push that begins a branch names no commit, and one that was forced may name one that is gone.
  if (given !== "" && (await resolves(given))) {
    const commit = await git("rev-parse", "--verify", "--quiet", `${given}^{commit}`);
    if (commit !== undefined && commit !== head) {
      return { commit, description: `${short(commit)}, where this push began (CONTRACT_BASE)` };
    }
  }
  const commit = await git("merge-base", "HEAD", "origin/HEAD");
  return commit === undefined || commit === head
    ? undefined
    : { commit, description: `${short(commit)}, where this clone left origin/HEAD` };
}

/**
 * Builds the contract of the base and that of the working tree, hands the images over, and removes
 * them when `use` is done. The base is built by its own buf.yaml, but with the packages that are
 * installed now. Rejects with Buf's output when either does not build.
 */
export async function withContractImages<Result>(
  base: ContractBase,
  use: (images: ContractImages) => Promise<Result>,
): Promise<Result> {
  const scratch = await mkdtemp(join(tmpdir(), "contract-"));
  try {
    const folder = join(scratch, "base");
    await checkOut(base.commit, folder);
    const images = { base: join(scratch, "base.binpb"), current: join(scratch, "current.binpb") };
    await build("The working tree's contract", root, images.current);
    await build(`The contract of ${base.description}`, folder, images.base);
    return await use(images);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Puts a commit's contract into a folder of its own. Unlike a worktree, it leaves no trace in .git. */
async function checkOut(commit: string, folder: string): Promise<void> {
  await mkdir(folder);
  const present = await git(
    ...["ls-tree", "--name-only", commit, "--", ...sources, ...otherModules],
  );
  const paths = present?.split("\n") ?? [];
  const tar = `${folder}.tar`;
  await mustRun("git", ["archive", "--format=tar", `--output=${tar}`, commit, "--", ...paths]);
  await mustRun("tar", ["-xf", tar, "-C", folder]);
  // Where buf.yaml finds other people's .proto files.
  await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
}

async function build(what: string, folder: string, image: string): Promise<void> {
  const { code, stdout, stderr } = await run("buf", ["build", "proto", "-o", image], {
    cwd: folder,
  });
  if (code !== 0) {
    throw new Error(`${what} does not build:\n${stdout}${stderr}`.trimEnd());
  }
}

/** What a git command prints, or undefined when it fails. */
async function git(...args: readonly string[]): Promise<string | undefined> {
  const { code, stdout } = await run("git", args);
  return code === 0 ? stdout.trim() : undefined;
}

async function resolves(ref: string): Promise<boolean> {
  return (await git("rev-parse", "--verify", "--quiet", `${ref}^{commit}`)) !== undefined;
}

/** Why git can say nothing here, if it cannot: an exported folder has no history. */
async function gitProblem(): Promise<string | undefined> {
  try {
    const { code, stderr } = await run("git", ["rev-parse", "--git-dir"]);
    return code === 0 ? undefined : `git says "${stderr.trim()}"`;
  } catch (error) {
    return `git does not run here (${String(error)})`;
  }
}

function short(commit: string): string {
  return commit.slice(0, 7);
}

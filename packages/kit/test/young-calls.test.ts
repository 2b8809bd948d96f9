import { fork } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "@jest/globals";
import { z } from "zod";
import { methods } from "./echo-server.ts";

/**
 * How many bytes a call may leave for the collector's slow half, its server and its client together. Some 1,500 they do,
 * for which Node.js itself is to blame; with any one of the ways open by which calls used to get there, over 2,900 (but
 * for the map of a client's streams, which comes to 200).
 */
const mostBytes = 2_300;

test.each(methods)("what calls of %s leave behind is collected at once", async (method) => {
  const child = fork(new URL("young-calls-child.ts", import.meta.url), [method], {
    execArgv: ["--disable-warning=ExperimentalWarning", "--expose-gc"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const left: number[] = [];
  child.on("message", (message) => left.push(z.number().parse(message)));
  await expect(once(child, "close")).resolves.toEqual([0, null]);
  expect(left).toHaveLength(1);
  expect(Math.max(...left)).toBeLessThan(mostBytes);
});

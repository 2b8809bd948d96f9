import { common } from "../jest.config.js";

/**
 * The suites that take minutes, one after the other, so that none disturbs what another measures:
 * `pnpm conformance`.
 *
 * @type {import("jest").Config}
 */
export default {
  ...common,
  rootDir: "..",
  testMatch: ["<rootDir>/conformance/{faults,hostile,interop}/**/*.slow.ts"],
  maxWorkers: 1,
  testTimeout: 300_000,
};

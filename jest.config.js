const ignored = ["/node_modules/", "/dist/", "/gen/", "/\\.packed/", "/\\.data/"];

/** The suites of the kit that call: they run once for each of those who make the calls of a channel. */
const callers = [
  ...["backpressure", "calls", "cancellation", "deadlines", "error-details", "errors"],
  ...["grpc-js-server", "leaks", "policy-deadlines", "propagation", "redaction", "retries"],
  ...["metrics", "retry-policy", "shutdown", "survival", "token", "tracing"],
];

/**
 * What all suites have in common. Modules stay ES modules, so jest runs on `node --experimental-vm-modules`:
 * `pnpm test:unit`.
 *
 * @type {import("jest").Config}
 */
export const common = {
  testMatch: [
    "<rootDir>/packages/*/test/**/*.test.ts",
    "<rootDir>/bench/**/*.test.ts",
    "<rootDir>/conformance/**/*.test.ts",
    "<rootDir>/scripts/**/*.test.ts",
  ],
  testPathIgnorePatterns: ignored,
  modulePathIgnorePatterns: ["/dist/", "/\\.packed/", "/\\.data/"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": [
      "@swc/jest",
      {
        swcrc: false,
        jsc: {
          target: "es2024",
          parser: { syntax: "typescript", explicitResourceManagement: true },
          experimental: { keepImportAttributes: true },
        },
      },
    ],
  },
  // Tests name what they use, from @jest/globals, where it has types.
  injectGlobals: false,
  testEnvironment: "node",
};

/** @type {import("jest").Config} */
export default {
  projects: [
    common,
    {
      ...common,
      displayName: "grpc-js",
      testMatch: callers.map((name) => `<rootDir>/packages/kit/test/${name}.test.ts`),
      globals: { callsOf: "grpc-js" },
    },
  ],
  // One more than a small machine has cores: some tests wait for a grace to pass. Many more would make
  // those that start servers and databases time out.
  maxWorkers: 3,
  // For the slowest: what builds packages or starts PostgreSQL.
  testTimeout: 30_000,
};

const ignored = ["/node_modules/", "/dist/", "/gen/", "/\\.packed/", "/\\.data/"];

/**
 * Modules stay ES modules, so jest runs on `node --experimental-vm-modules`: `pnpm test:unit`.
 *
 * @type {import("jest").Config}
 */
export default {
  testMatch: [
    "<rootDir>/packages/*/test/**/*.test.ts",
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
  // The tests start servers and databases: more workers than cores make them time out.
  maxWorkers: 2,
  // For the slowest: what builds packages or starts PostgreSQL.
  testTimeout: 30_000,
};

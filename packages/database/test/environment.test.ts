import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { databaseEnvironment, refuseUnfitEmbedded } from "../src/index.ts";

const schema = z
  .object({
    NODE_ENV: z.string().optional(),
    WORKERS: z.coerce.number().optional(),
    ...databaseEnvironment,
  })
  .superRefine(refuseUnfitEmbedded);

/** What is wrong with an environment, by variable. */
function problemsOf(environment: Record<string, string>): Record<string, string> {
  const { error } = schema.safeParse(environment);
  const issues = error?.issues ?? [];
  return Object.fromEntries(issues.map(({ path, message }) => [path.join("."), message]));
}

describe("DATABASE_URL", () => {
  test.each([
    "postgres://host/name",
    "postgresql://user:pass%40word@10.0.0.1:5433/name?sslmode=require",
    "postgresql://user@[::1]:5432/name",
  ])("%s is taken as it is", (url) => {
    expect(schema.parse({ DATABASE_URL: url })).toEqual({
      DATABASE_URL: url,
      DATA_DIR: ".data",
      EMBEDDED_DATABASE: false,
    });
  });

  test.each(["mysql://host/name", "host:5432/name", "/var/run/postgresql", " ", "postgres"])(
    "%j is refused",
    (url) => {
      expect(problemsOf({ DATABASE_URL: url })).toEqual({
        DATABASE_URL: "must be a URL such as postgresql://user:password@host:5432/name",
      });
    },
  );
});

test("DATA_DIR must be a name", () => {
  expect(problemsOf({ DATA_DIR: "" })).toEqual({ DATA_DIR: "must name a folder" });
});

test("EMBEDDED_DATABASE must be true or false", () => {
  expect(schema.parse({ EMBEDDED_DATABASE: "true" }).EMBEDDED_DATABASE).toBe(true);
  expect(schema.parse({ EMBEDDED_DATABASE: "false" }).EMBEDDED_DATABASE).toBe(false);
  expect(problemsOf({ EMBEDDED_DATABASE: "perhaps" })).toEqual({
    EMBEDDED_DATABASE: "must be true or false",
  });
});

describe("production", () => {
  const refusal = {
    DATABASE_URL:
      "must be set in production: the embedded database survives the end of its process but not " +
      "a power cut; EMBEDDED_DATABASE=true accepts that",
  };

  test.each([
    ["nothing else", {}, refusal],
    ["EMBEDDED_DATABASE=false", { EMBEDDED_DATABASE: "false" }, refusal],
    ["EMBEDDED_DATABASE=true", { EMBEDDED_DATABASE: "true" }, {}],
    ["a server", { DATABASE_URL: "postgresql://host/name" }, {}],
  ])("with %s", (_, environment, problems) => {
    expect(problemsOf({ NODE_ENV: "production", ...environment })).toEqual(problems);
  });

  test.each(["development", "test"])("is not %s", (name) => {
    expect(problemsOf({ NODE_ENV: name })).toEqual({});
  });
});

test.each([
  ["1", {}, {}],
  ["2", { DATABASE_URL: "postgresql://host/name" }, {}],
  [
    "2",
    { EMBEDDED_DATABASE: "true" },
    {
      WORKERS:
        "must be 1 where DATABASE_URL is not set: the embedded database belongs to one process",
    },
  ],
])("WORKERS=%s with %o", (workers, environment, problems) => {
  for (const NODE_ENV of ["", "development"]) {
    expect(problemsOf({ NODE_ENV, WORKERS: workers, ...environment })).toEqual(problems);
  }
});

import { availableParallelism } from "node:os";
import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import {
  clientTlsOf,
  portVariable,
  readServerConfig,
  serverEnvironment,
  serverTlsOf,
} from "../src/index.ts";

const schema = z.object({ ...serverEnvironment, GRPC_PORT: portVariable(50_051) });
const read = (environment: Readonly<Record<string, string>>): z.infer<typeof schema> =>
  readServerConfig(schema, environment);

/** A file that is there: what is in it, nobody looks at yet. */
const file = import.meta.filename;
const pair = { TLS_CERT_FILE: file, TLS_KEY_FILE: file };
const mutual = { ...pair, TLS_CLIENT_CA_FILE: file };
const tokens = { AUTH_ISSUER: "issuer", AUTH_AUDIENCE: "org", AUTH_JWKS_FILE: "jwks.json" };
const grants = { TLS_CLIENT_GRANTS_FILE: file };
const production = { NODE_ENV: "production" };

/** The variables that are refused. */
function refused(environment: Readonly<Record<string, string>>): string[] {
  try {
    read(environment);
    return [];
  } catch (error) {
    return [...String(error).matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name = ""]) => name);
  }
}

describe("what is safe, or asked for, is accepted", () => {
  test.each([
    ["nothing, in development", {}],
    ["TLS, in development", pair],
    ["mutual TLS as the only gate, in development", mutual],
    ["TLS and tokens", { ...production, ...pair, ...tokens }],
    ["mutual TLS with grants", { ...production, ...mutual, ...grants }],
    ["mutual TLS with grants and tokens", { ...production, ...mutual, ...grants, ...tokens }],
    ["mutual TLS without scopes", { ...production, ...mutual, AUTH_DISABLED: "true" }],
    ["plaintext with tokens", { ...production, ...tokens, TLS_DISABLED: "true" }],
    ["neither", { ...production, TLS_DISABLED: "true", AUTH_DISABLED: "true" }],
  ])("%s", (_, environment) => {
    expect(refused(environment)).toEqual([]);
  });
});

describe("what is not is refused, and the variable is named", () => {
  test.each([
    ["production without anything", production, ["TLS_CERT_FILE", "AUTH_ISSUER"]],
    ["production without TLS", { ...production, ...tokens }, ["TLS_CERT_FILE"]],
    ["production without authentication", { ...production, ...pair }, ["AUTH_ISSUER"]],
    ["mutual TLS without grants", { ...production, ...mutual }, ["AUTH_ISSUER"]],
    ["a certificate without its key", { TLS_CERT_FILE: file }, ["TLS_KEY_FILE"]],
    ["a key without its certificate", { TLS_KEY_FILE: file }, ["TLS_CERT_FILE"]],
    ["clients' certificates without TLS", { TLS_CLIENT_CA_FILE: file }, ["TLS_CERT_FILE"]],
    ["grants without clients' certificates", { ...pair, ...grants }, ["TLS_CLIENT_CA_FILE"]],
    [
      "both, and that there is none",
      { ...mutual, ...grants, TLS_DISABLED: "true", AUTH_DISABLED: "true" },
      ["TLS_DISABLED", "AUTH_DISABLED"],
    ],
    ["tokens, and that there are none", { ...tokens, AUTH_DISABLED: "true" }, ["AUTH_DISABLED"]],
    ["an issuer alone", { AUTH_ISSUER: "issuer" }, ["AUTH_AUDIENCE", "AUTH_JWKS_URL"]],
    ["keys alone", { AUTH_JWKS_FILE: "jwks.json" }, ["AUTH_ISSUER", "AUTH_AUDIENCE"]],
    [
      "keys from two places",
      { ...tokens, AUTH_JWKS_URL: "https://issuer.example/jwks.json" },
      ["AUTH_JWKS_FILE"],
    ],
  ])("%s", (_, environment, names) => {
    expect(refused(environment)).toEqual(names);
  });

  test.each(["0", "-1", "1.5", "1000000001", "soon"])("a connection's age of %s", (age) => {
    expect(() => read({ GRPC_MAX_CONNECTION_AGE_MS: age })).toThrow(
      `GRPC_MAX_CONNECTION_AGE_MS is ${JSON.stringify(age)}: it must be a whole number of milliseconds, from 1 to 1,000,000,000`,
    );
  });
});

test.each([
  [
    "WORKERS",
    "0",
    "a whole number of processes, from 1 to 1,000, or auto: as many as there are processors",
  ],
  ["GRPC_MAX_CONNECTIONS", "0", "a whole number of connections, from 1 to 1,000,000"],
  ["GRPC_MAX_CONCURRENT_CALLS", "many", "a whole number of calls, from 1 to 1,000,000"],
  [
    "GRPC_MAX_CALLS_PER_SECOND_PER_PRINCIPAL",
    "0.5",
    "a whole number of calls, from 1 to 1,000,000",
  ],
  ["GRPC_LOAD_SHEDDING", "perhaps", "true or false"],
  ["GRPC_REFUSE_HOPELESS_CALLS", "2", "true or false"],
])("%s of %s is refused", (name, value, expected) => {
  expect(() => read({ [name]: value })).toThrow(
    `${name} is ${JSON.stringify(value)}: it must be ${expected}`,
  );
});

test("WORKERS is a number, or that of the processors", () => {
  expect(read({}).WORKERS).toBe(1);
  expect(read({ WORKERS: "3" }).WORKERS).toBe(3);
  expect(read({ WORKERS: "auto" }).WORKERS).toBe(availableParallelism());
});

test("the files are handed to both sides of TLS", () => {
  expect(serverTlsOf(read({}))).toBeUndefined();
  expect(serverTlsOf(read(mutual))).toEqual({
    certFile: file,
    keyFile: file,
    clientCaFile: file,
  });
  expect(clientTlsOf(read(mutual))).toBeUndefined();
  expect(clientTlsOf(read({ ...pair, TLS_CA_FILE: file }))).toEqual({
    caFile: file,
    certFile: file,
    keyFile: file,
  });
});

test("production calls no other service in plaintext, unless it is asked for", () => {
  const config = read({ ...production, ...pair, ...tokens });
  expect(() => clientTlsOf(config)).toThrow("TLS_CA_FILE must be set in production");
  const accepted = read({ ...production, ...tokens, TLS_DISABLED: "true" });
  expect(clientTlsOf(accepted)).toBeUndefined();
});

test.each([
  "TLS_CERT_FILE",
  "TLS_KEY_FILE",
  "TLS_CLIENT_CA_FILE",
  "TLS_CLIENT_GRANTS_FILE",
  "TLS_CA_FILE",
])("%s has to name a file that is there", (name) => {
  for (const value of ["/nowhere/at-all.pem", import.meta.dirname]) {
    expect(() => read({ ...mutual, ...grants, [name]: value })).toThrow(
      `${name} is ${JSON.stringify(value)}: it must be a file`,
    );
  }
});

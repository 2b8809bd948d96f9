import { describe, expect, test } from "@jest/globals";
import { EnvironmentError } from "@org/kit";
import { readConfig } from "../src/config.ts";

/** A file that is there. */
const file = import.meta.filename;

test("nothing has to be set for development", () => {
  expect(readConfig({})).toEqual({
    GRPC_HOST: "127.0.0.1",
    GRPC_PORT: 50_051,
    PRODUCT_CACHE_MS: 1_000,
    LOG_LEVEL: "info",
    WORKERS: 1,
    DATA_DIR: ".data",
    EMBEDDED_DATABASE: false,
    GRPC_MAX_CONNECTION_AGE_MS: 300_000,
    GRPC_MAX_CONNECTIONS: 1_000,
    GRPC_MAX_CONCURRENT_CALLS: 4_000,
    GRPC_LOAD_SHEDDING: true,
    GRPC_REFUSE_HOPELESS_CALLS: false,
    TLS_DISABLED: false,
    AUTH_DISABLED: false,
  });
});

test("everything can be set, and nothing else is taken along", () => {
  const environment = {
    NODE_ENV: "production",
    WORKERS: "4",
    GRPC_HOST: "::",
    GRPC_PORT: "0",
    PRODUCT_CACHE_MS: "0",
    LOG_LEVEL: "warn",
    DATABASE_URL: "postgresql://user:secret@host:5432/name",
    DATA_DIR: "/var/lib/data",
    EMBEDDED_DATABASE: "true",
    GRPC_MAX_CONNECTION_AGE_MS: "60000",
    GRPC_MAX_CONNECTIONS: "50",
    GRPC_MAX_CONCURRENT_CALLS: "100",
    GRPC_LOAD_SHEDDING: "false",
    GRPC_REFUSE_HOPELESS_CALLS: "true",
    GRPC_MAX_CALLS_PER_SECOND_PER_PRINCIPAL: "200",
    TLS_CERT_FILE: file,
    TLS_KEY_FILE: file,
    TLS_CLIENT_CA_FILE: file,
    TLS_CLIENT_GRANTS_FILE: file,
    TLS_CA_FILE: file,
    TLS_DISABLED: "false",
    AUTH_ISSUER: "https://issuer.example",
    AUTH_AUDIENCE: "org",
    AUTH_JWKS_URL: "https://issuer.example/jwks.json",
    AUTH_DISABLED: "false",
  };
  expect(readConfig({ ...environment, PATH: "/bin" })).toEqual({
    ...environment,
    WORKERS: 4,
    GRPC_PORT: 0,
    PRODUCT_CACHE_MS: 0,
    EMBEDDED_DATABASE: true,
    GRPC_MAX_CONNECTION_AGE_MS: 60_000,
    GRPC_MAX_CONNECTIONS: 50,
    GRPC_MAX_CONCURRENT_CALLS: 100,
    GRPC_LOAD_SHEDDING: false,
    GRPC_REFUSE_HOPELESS_CALLS: true,
    GRPC_MAX_CALLS_PER_SECOND_PER_PRINCIPAL: 200,
    TLS_DISABLED: false,
    AUTH_DISABLED: false,
  });
});

test("a variable that is set to nothing counts as unset", () => {
  const names = [
    "WORKERS",
    "GRPC_HOST",
    "GRPC_PORT",
    "PRODUCT_CACHE_MS",
    "LOG_LEVEL",
    "DATABASE_URL",
    "DATA_DIR",
    "EMBEDDED_DATABASE",
    "GRPC_MAX_CONNECTION_AGE_MS",
    "GRPC_MAX_CONNECTIONS",
    "GRPC_MAX_CONCURRENT_CALLS",
    "GRPC_LOAD_SHEDDING",
    "GRPC_REFUSE_HOPELESS_CALLS",
    "GRPC_MAX_CALLS_PER_SECOND_PER_PRINCIPAL",
    "TLS_CERT_FILE",
    "TLS_KEY_FILE",
    "TLS_CLIENT_CA_FILE",
    "TLS_CLIENT_GRANTS_FILE",
    "TLS_CA_FILE",
    "TLS_DISABLED",
    "AUTH_ISSUER",
    "AUTH_AUDIENCE",
    "AUTH_JWKS_URL",
    "AUTH_JWKS_FILE",
    "AUTH_DISABLED",
  ];
  expect(readConfig(Object.fromEntries(names.map((name) => [name, ""])))).toEqual(readConfig({}));
});

describe("a wrong value is named, with what it should be", () => {
  const port = "must be a port: a whole number from 0 (any free one) to 65535";

  test.each([
    ["GRPC_PORT", "http", `GRPC_PORT is "http": it ${port}`],
    ["GRPC_PORT", "65536", `GRPC_PORT is "65536": it ${port}`],
    ["GRPC_PORT", "-1", `GRPC_PORT is "-1": it ${port}`],
    ["GRPC_PORT", "50051.5", `GRPC_PORT is "50051.5": it ${port}`],
    ["GRPC_PORT", "50051;", `GRPC_PORT is "50051;": it ${port}`],
    [
      "LOG_LEVEL",
      "loud",
      'LOG_LEVEL is "loud": it must be one of silent, fatal, error, warn, info, debug, trace',
    ],
    [
      "TLS_CA_FILE",
      "/nowhere/ca.pem",
      'TLS_CA_FILE is "/nowhere/ca.pem": it must be a file that is there, and can be seen',
    ],
    ["EMBEDDED_DATABASE", "maybe", 'EMBEDDED_DATABASE is "maybe": it must be true or false'],
    [
      "DATABASE_URL",
      "mysql://user:secret@host/name",
      "DATABASE_URL is a value that is not shown: it must be a URL such as postgresql://user:password@host:5432/name",
    ],
    [
      "WORKERS",
      "2",
      'WORKERS is "2": it must be 1 where DATABASE_URL is not set: the embedded database belongs to one process',
    ],
    ["AUTH_DISABLED", "maybe", 'AUTH_DISABLED is "maybe": it must be true or false'],
  ])("%s=%s", (name, value, line) => {
    expect(() => readConfig({ [name]: value })).toThrow(
      new EnvironmentError(`the environment is wrong:\n  ${line}`),
    );
  });

  test("production refuses what is good enough for a laptop only", () => {
    expect(() => readConfig({ NODE_ENV: "production" })).toThrow(
      new EnvironmentError(
        [
          "the environment is wrong:",
          "DATABASE_URL must be set in production: the embedded database survives the end of its process but not a power cut; EMBEDDED_DATABASE=true accepts that",
          "TLS_CERT_FILE must be set in production, with TLS_KEY_FILE: otherwise everybody on the way can read and change everything; TLS_DISABLED=true accepts that",
          "AUTH_ISSUER must be set in production, with AUTH_AUDIENCE and AUTH_JWKS_URL or AUTH_JWKS_FILE, or else TLS_CLIENT_GRANTS_FILE: otherwise anyone may call everything; AUTH_DISABLED=true accepts that",
        ].join("\n  "),
      ),
    );
    const accepted = { EMBEDDED_DATABASE: "true", TLS_DISABLED: "true", AUTH_DISABLED: "true" };
    expect(() => readConfig({ NODE_ENV: "production", ...accepted })).not.toThrow();
  });

  test("all of them at once, and no password", () => {
    const environment = { GRPC_PORT: "http", LOG_LEVEL: "loud", DATABASE_URL: "secret" };
    expect(() => readConfig(environment)).toThrow(
      /GRPC_PORT[^]*LOG_LEVEL[^]*DATABASE_URL|DATABASE_URL[^]*GRPC_PORT/,
    );
    expect(() => readConfig(environment)).not.toThrow(/secret/);
  });
});

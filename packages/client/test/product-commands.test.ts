import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Finished, jsonLines, runClient, type RunOptions } from "./run-client.ts";
import { type RunningService, startProductService } from "./services.ts";

let service: RunningService;
let folder: string;

beforeAll(async () => {
  [service, folder] = await Promise.all([
    startProductService(),
    mkdtemp(join(tmpdir(), "client-test-")),
  ]);
});

afterAll(async () => {
  await Promise.all([service.close(), rm(folder, { recursive: true })]);
});

function product(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const env = { PRODUCTS_TARGET: service.target, ...options.env };
  return runClient(["product", ...args], { ...options, env });
}

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test("get shows a product to people", async () => {
  expect(await product(["get", "p001"])).toEqual({
    code: 0,
    stdout: [
      "ID           p001",
      "NAME         Laptop Pro X",
      "CATEGORY     Electronics",
      "PRICE        1500.00 USD",
      "DESCRIPTION  High-end laptop",
      "",
    ].join("\n"),
    stderr: "",
  });
});

test("get --json shows a product to programs, in the contract's JSON form", async () => {
  const { code, stdout, stderr } = await product(["get", "p002", "--json"]);
  expect(jsonLines(stdout)).toEqual([
    {
      id: "p002",
      name: "Wireless Mouse",
      description: "Ergonomic mouse",
      price: 75.5,
      category: "Electronics",
      unitPrice: { currencyCode: "USD", units: "75", nanos: 500_000_000 },
    },
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

test("get of an unknown product fails with the status, on stderr", async () => {
  const [text, json] = await Promise.all([
    product(["get", "p999"]),
    product(["--json", "get", "p999"]),
  ]);
  expect(text).toEqual({
    code: 1,
    stdout: "",
    stderr: 'NOT_FOUND: no product has the id "p999"\n  reason: PRODUCT_NOT_FOUND\n',
  });
  expect({ code: json.code, stdout: json.stdout }).toEqual({ code: 1, stdout: "" });
  expect(jsonLines(json.stderr)).toEqual([
    {
      code: "NOT_FOUND",
      message: 'no product has the id "p999"',
      reason: "PRODUCT_NOT_FOUND",
      violations: [],
      target: service.target,
    },
  ]);
});

test("list shows a category as a table with exact prices, or a line of JSON for each product", async () => {
  const [text, json, none] = await Promise.all([
    product(["list", "Electronics"]),
    product(["list", "Electronics", "--json"]),
    product(["list", "Nothing"]),
  ]);
  expect(text).toEqual({
    code: 0,
    stdout: [
      "ID    NAME                 CATEGORY           PRICE",
      "p001  Laptop Pro X         Electronics  1500.00 USD",
      "p002  Wireless Mouse       Electronics    75.50 USD",
      "p003  Mechanical Keyboard  Electronics   120.00 USD",
      "",
    ].join("\n"),
    stderr: "",
  });
  expect(jsonLines(json.stdout)).toMatchObject([{ id: "p001" }, { id: "p002" }, { id: "p003" }]);
  expect(none).toEqual({ code: 0, stdout: "ID  NAME  CATEGORY  PRICE\n", stderr: "" });
});

test("import tries every row of a CSV file, and says of each bad one what is wrong, by its line", async () => {
  const path = await file(
    "products.csv",
    [
      "id,name,description,category,price,currency,delete",
      'c1,Lamp,"Two ""bright""',
      'lines",Csv,45.99,,',
      "c2,,no name,Csv,-1,USD,",
      "c3,Four,,Csv,4x,USD,",
      "c4,Ten decimals,,Csv,1.1234567890,USD,",
      "",
      "c5,Too few,Csv",
      "c6,Smallest,,Csv,0.000000001,EUR,",
      "c7,Deleted,,Csv,1,USD,maybe",
      "p004,,,,,,true",
    ].join("\n"),
  );
  const { code, stdout, stderr } = await product(["import", path]);
  expect(code).toBe(1);
  expect(stdout).toBe("CREATED    2\nUPDATED    0\nUNCHANGED  0\nDELETED    1\nREJECTED   5\n");
  expect(stderr.trimEnd().split("\n").toSorted()).toEqual(
    [
      `${path}:4: upsert.name must not be empty`,
      `${path}:4: upsert.unit_price must not be negative`,
      `${path}:5: price must be a decimal number such as 45.99; is "4x"`,
      `${path}:6: price must have at most 9 decimals, has 10; is "1.1234567890"`,
      `${path}:8: row must have 7 values, has 3`,
      `${path}:10: delete must be true or false, or without an id the id of what to delete`,
    ].toSorted(),
  );

  const listed = await product(["list", "Csv", "--json"]);
  expect(jsonLines(listed.stdout)).toMatchObject([
    {
      id: "c1",
      description: 'Two "bright"\nlines',
      unitPrice: { currencyCode: "USD", units: "45", nanos: 990_000_000 },
    },
    { id: "c6", unitPrice: { currencyCode: "EUR", nanos: 1 } },
  ]);
  expect((await product(["get", "p004"])).code).toBe(1);
});

test("import of a good file exits with 0, and again changes nothing", async () => {
  const path = await file("good.csv", "id,name,category,price\ng1,A,Good,1\ng2,B,Good,2.5\n");
  const first = await product(["import", path, "--json"]);
  const again = await product(["import", path, "--json"]);
  const counts = { created: 0, updated: 0, unchanged: 0, deleted: 0, rejected: 0 };
  expect({ ...first, stdout: jsonLines(first.stdout) }).toEqual({
    code: 0,
    stdout: [{ ...counts, created: 2 }],
    stderr: "",
  });
  expect({ ...again, stdout: jsonLines(again.stdout) }).toEqual({
    code: 0,
    stdout: [{ ...counts, unchanged: 2 }],
    stderr: "",
  });
});

test("import takes NDJSON from the standard input: rows, and the contract's own messages", async () => {
  const rows = [
    { id: "n1", name: "Number", category: "Nd", price: 45.99 },
    { id: "n2", name: "Text", category: "Nd", price: "45.99", currency: "EUR" },
    { delete: "n1" },
    {
      sequence: 7,
      upsert: { id: "n3", name: "Whole", category: "Nd", unit_price: { currencyCode: "USD" } },
    },
    { upsert: { id: "n4", nme: "Whole" } },
    { id: "n5", name: 5, category: "Nd", price: 1 },
    { upsert: {}, deleteProductId: "n1" },
    { id: "n6", name: "half \ud83d", category: "Nd", price: 1 },
  ];
  const { code, stdout, stderr } = await product(["import", "-", "--format", "ndjson", "--json"], {
    stdin: rows.map((row) => JSON.stringify(row)).join("\n"),
  });
  expect(code).toBe(1);
  expect(jsonLines(stdout)).toEqual([
    { created: 3, updated: 0, unchanged: 0, deleted: 1, rejected: 4 },
  ]);
  expect(jsonLines(stderr)).toEqual([
    {
      file: "stdin",
      line: 5,
      violations: [
        { field: "row", description: expect.stringContaining('Product has no field "nme"') },
      ],
    },
    { file: "stdin", line: 6, violations: [{ field: "name", description: "must be text" }] },
    {
      file: "stdin",
      line: 7,
      violations: [
        { field: "row", description: expect.stringContaining("oneof set multiple times") },
      ],
    },
    {
      file: "stdin",
      line: 8,
      violations: [{ field: "name", description: "must be text without halves of characters" }],
    },
  ]);
  const exact = await product(["get", "n2"]);
  expect(exact.stdout).toContain("45.99 EUR");
});

test("what list --json prints can be imported", async () => {
  const listed = await product(["list", "Electronics", "--json"]);
  const imported = await product(["import", "-", "--format", "ndjson", "--json"], {
    stdin: listed.stdout,
  });
  expect(jsonLines(imported.stdout)).toMatchObject([{ unchanged: 3, rejected: 0 }]);
  expect(imported.code).toBe(0);
});

test("an import that loses its service says how far it got, and which target is gone", async () => {
  const { code, stdout, stderr } = await product(["import", "-", "--format", "csv"], {
    stdin: "id,name,category,price\nx1,A,X,no\nx2,A,X,1\n",
    env: { PRODUCTS_TARGET: "127.0.0.1:1" },
  });
  expect(code).toBe(1);
  expect(stdout).toContain("REJECTED   1\n");
  expect(stderr).toMatch(/^stdin:2: price must be a decimal number.*\nUNAVAILABLE: No connection/);
  expect(stderr).toContain("No service answers at 127.0.0.1:1. `npm start` starts both services");
});

test("a file that cannot be imported is a wrong usage", async () => {
  const csv = await file("wrong.csv", "id,prce\n1,2\n");
  const cases = [
    [["import", join(folder, "none.csv")], "there is no such file"],
    [["import", folder, "--format", "csv"], "it is a folder"],
    [["import", "-"], "the form of the standard input is not known: add --format csv or"],
    [["import", join(folder, "data.txt")], "is not known: add --format csv or --format ndjson"],
    [["import", csv, "--format", "xml"], "Allowed choices are csv, ndjson"],
    [["import", csv], 'unknown column "prce"'],
  ] as const;
  const runs = await Promise.all(cases.map(([args]) => product(args)));
  expect(runs).toEqual(
    cases
      .map(([, message]) => ({
        code: 2,
        stdout: "",
        stderr: expect.stringMatching(/^error: .*\n$/),
        message,
      }))
      .map(({ message: _, ...run }) => run),
  );
  for (const [index, [, message]] of cases.entries()) {
    expect(runs[index]?.stderr).toContain(message);
  }
});

test("texts from elsewhere cannot command the terminal", async () => {
  const name = "\u001b[2Jred\u009b31m\u202egnp";
  const row = JSON.stringify({ id: "t1", name, category: "Term", price: 1 });
  await product(["import", "-", "--format", "ndjson"], { stdin: row });
  const shown = await product(["list", "Term"]);
  expect(shown.stdout).toContain("\\u001b[2Jred\\u009b31m\\u202egnp");
  const json = await product(["list", "Term", "--json"]);
  expect(jsonLines(json.stdout)).toMatchObject([{ name }]);
  const failed = await product(["get", name]);
  expect(failed.stderr).not.toContain("\u001b");
});

import { Readable } from "node:stream";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { importFormats, type ImportFormat, openImport } from "../src/cli/import-rows.ts";
import { productColumns, productKeysOfContract, toImportRequest } from "../src/cli/product-rows.ts";
import { maxRowLength } from "../src/cli/row.ts";
import { UsageError } from "../src/cli/usage-error.ts";

/** What the rows of a file come to: each line's values or request, or what is wrong with it. */
async function read(format: ImportFormat, ...chunks: (string | Uint8Array)[]): Promise<unknown[]> {
  const stdin = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  const file = await openImport({
    path: "-",
    format,
    context: { stdin, signal: new AbortController().signal },
    columns: productColumns,
    keys: productKeysOfContract,
  });
  const rows: unknown[] = [];
  for await (const row of file.rows()) {
    if ("violations" in row) rows.push([row.line, row.violations[0]?.description]);
    else rows.push([row.line, Object.fromEntries(row.values)]);
  }
  return rows;
}

test("CSV rows know the line that they begin on", async () => {
  const text = 'id,name\n1,a\n\n\n2,"b\n\nc"\n3,d';
  const rows = (newline: string): unknown[] => [
    [2, { id: "1", name: "a" }],
    [5, { id: "2", name: `b${newline}${newline}c` }],
    [8, { id: "3", name: "d" }],
  ];
  for (const newline of ["\n", "\r\n", "\r"]) {
    expect(await read("csv", text.replaceAll("\n", newline))).toEqual(rows(newline));
  }
});

test("CSV is read the same however it arrives", async () => {
  const text =
    '\ufeffid,name,description\r\n1,Käse,"a ""b"""\r\n\r\n2,"x\r\ny",\u{1f4a1}\r\n3,bad\r\n';
  const whole = await read("csv", text);
  expect(whole).toEqual([
    [2, { id: "1", name: "Käse", description: 'a "b"' }],
    [4, { id: "2", name: "x\r\ny", description: "\u{1f4a1}" }],
    [6, "must have 3 values, has 2"],
  ]);
  const bytes = Buffer.from(text);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length })), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      expect(await read("csv", ...chunks)).toEqual(whole);
    }),
  );
});

test("a quote in the wrong place ends the reading, and keeps the rows before it", async () => {
  const after = "nothing after it was read";
  expect(await read("csv", 'id,name\n1,a\n2,"b"c\n3,d\n')).toEqual([
    [2, { id: "1", name: "a" }],
    [3, expect.stringContaining(after)],
  ]);
  expect(await read("csv", 'id,name\n1,a\n2,24" wide\n3,d\n')).toEqual([
    [2, { id: "1", name: "a" }],
    [3, expect.stringContaining(after)],
  ]);
  expect(await read("csv", 'id,name\n1,a\n2,"never closed\n3,d\n')).toEqual([
    [2, { id: "1", name: "a" }],
    [3, expect.stringContaining("opens a quote that is never closed (value 2)")],
  ]);
  const endless = `id,name\n1,a\n2,"${"x\n".repeat(maxRowLength)}`;
  expect(await read("csv", endless)).toEqual([
    [2, { id: "1", name: "a" }],
    [3, expect.stringContaining("is longer than")],
  ]);
});

test.each([
  ["id,prce\n1,2\n", 'unknown column "prce": there are id, name'],
  ["id;name\n1;2\n", 'unknown column "id;name"'],
  ["id,name,id\n", 'has the column "id" twice'],
  ["id,\n", 'unknown column ""'],
  ["id,__proto__\n", 'unknown column "__proto__"'],
  ['id,"na\n', "its first line opens a quote that is never closed"],
  ["", "is empty: its first line must name the columns"],
  ["\n\n", "is empty: its first line must name the columns"],
])("CSV that begins with %j is no such file", async (text, message) => {
  await expect(read("csv", text)).rejects.toThrow(UsageError);
  await expect(read("csv", text)).rejects.toThrow(message);
});

test.each(importFormats)("%s that is not UTF-8 is refused", async (format) => {
  const latin1 = Buffer.from("id,name\n1,K\xe4se\n", "latin1");
  await expect(read(format, latin1)).rejects.toThrow("stdin is not UTF-8 text");
  const cut = Buffer.from("id,name\n1,Kä").subarray(0, -1);
  await expect(read(format, cut)).rejects.toThrow("stdin is not UTF-8 text");
});

test("NDJSON rows know their line; those that are no objects say what is wrong", async () => {
  const long = `{"id":"${"x".repeat(maxRowLength)}"}`;
  const text = `{"id":"1"}\r\n\n  \n{"id":\n[1]\nnull\n{"prce":1}\n${long}\n{"__proto__":{}}\n{"id":"2"}`;
  expect(await read("ndjson", text)).toEqual([
    [1, { id: "1" }],
    [4, "is not JSON: Unexpected end of JSON input"],
    [5, "must be a JSON object"],
    [6, "must be a JSON object"],
    [7, expect.stringMatching(/^is unknown: there are id, name/)],
    [8, `is longer than ${maxRowLength} characters`],
    [9, expect.stringMatching(/^is unknown/)],
    [10, { id: "2" }],
  ]);
  expect(await read("ndjson", '{"id": "1" "name"}')).toEqual([
    [1, "is not JSON: Expected ',' or '}' after property value at column 12"],
  ]);
  expect(await read("ndjson", "")).toEqual([]);
});

test("numbers of NDJSON are taken by their digits", async () => {
  const stdin = Readable.from([Buffer.from('{"id":"1","price":12345678901234567.89}')]);
  const context = { stdin, signal: new AbortController().signal };
  const file = await openImport({
    path: "-",
    format: "ndjson",
    context,
    columns: productColumns,
    keys: [],
  });
  const requests: unknown[] = [];
  for await (const row of file.rows()) requests.push("values" in row ? toImportRequest(row) : row);
  expect(requests).toMatchObject([
    {
      sequence: 1n,
      operation: {
        $case: "upsert",
        value: {
          unitPrice: { currencyCode: "USD", units: 12_345_678_901_234_567n, nanos: 890_000_000 },
        },
      },
    },
  ]);
});

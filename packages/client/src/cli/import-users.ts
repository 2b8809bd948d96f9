import type { BulkCreateUsersResponse, CreateUserRequest } from "@org/contracts/user/v1";
import type { RpcError, Violation } from "@org/kit/client";
import { reportRow } from "./bad-rows.ts";
import { type ImportFile, type ImportFormat, openImport } from "./import-rows.ts";
import { type Progress, showProgress } from "./progress.ts";
import { CallFailure, type Session } from "./session.ts";
import type { View } from "./table.ts";
import { toCreateRequest, userColumns, userKeysOfContract } from "./user-rows.ts";

/** The path of a row in the service's violations: `requests[999].email`. */
const requestPath = /^requests\[(?<index>\d+)\]\.?(?<field>.*)$/s;

const createdView: View<BulkCreateUsersResponse> = {
  columns: [
    { title: "CREATED", value: ({ createdCount }) => String(createdCount), align: "right" },
  ],
  toJson: ({ createdCount, userIds }) => ({ createdCount, userIds }),
};

/** Some row cannot be read, so that none is sent. */
class UnreadableRowsError extends Error {}

/** Creates all users of a file, or where one row is wrong none of them. */
export async function importUsers(
  session: Session,
  path: string,
  format: ImportFormat | undefined,
): Promise<void> {
  const file = await openImport({
    path,
    format,
    context: session,
    columns: userColumns,
    keys: userKeysOfContract,
  });
  const { name, totalBytes } = file.input;
  const { output, progressStream: stream } = session;
  const message = (text: string): void => output.message(text);
  const progress = showProgress({ stream, name, totalBytes, message });
  const run = new UserImport(session, file, progress);
  try {
    // As long as it takes: how long that is depends on the file.
    const options = { timeoutMs: Infinity, ...session.callOptions };
    const created = await session.call("users", (users) =>
      users.bulkCreateUsers(run.requests(), options),
    );
    progress.stop();
    await output.item(created, createdView);
  } catch (error) {
    const refused = run.report(error);
    progress.stop();
    if (!refused) throw error;
    if (!output.json) output.message("No user was created. Correct these rows, and try again.");
    session.exitCode = 1;
  }
}

/** An import that is under way. */
class UserImport {
  readonly #session: Session;
  readonly #file: ImportFile;
  readonly #progress: Progress;
  /** The line of each request that was sent. */
  readonly #lines: number[] = [];

  constructor(session: Session, file: ImportFile, progress: Progress) {
    this.#session = session;
    this.#file = file;
    this.#progress = progress;
  }

  /** The rows' requests. Reads to the end, and reports every row that cannot be read, before it fails. */
  async *requests(): AsyncGenerator<CreateUserRequest, void> {
    let unreadable = false;
    for await (const row of this.#file.rows()) {
      const request = "violations" in row ? row.violations : toCreateRequest(row);
      if ("requestId" in request) {
        if (unreadable) continue;
        this.#lines.push(row.line);
        this.#progress.update(this.#file.readBytes(), this.#lines.length);
        yield request;
      } else {
        unreadable = true;
        this.#reportRow(row.line, request);
      }
    }
    if (unreadable) throw new UnreadableRowsError();
  }

  /** Reports the rows that made the import fail; false where it was something else. */
  report(error: unknown): boolean {
    if (error instanceof UnreadableRowsError) return true;
    if (!(error instanceof CallFailure)) return false;
    const byLine = this.#violationsByLine(error.error);
    for (const [line, violations] of byLine) this.#reportRow(line, violations);
    return byLine.size > 0;
  }

  #violationsByLine({ violations }: RpcError): Map<number, Violation[]> {
    const byLine = new Map<number, Violation[]>();
    for (const { field: path, description } of violations) {
      const { index, field } = requestPath.exec(path)?.groups ?? {};
      const line = this.#lines[Number(index)];
      if (line === undefined) continue;
      const gathered = byLine.get(line) ?? [];
      gathered.push({ field: field ?? "", description });
      byLine.set(line, gathered);
    }
    return byLine;
  }

  #reportRow(line: number, violations: readonly Violation[]): void {
    const text = reportRow(this.#session.output, this.#file.input.name, line, violations);
    this.#progress.message(text);
  }
}

import { ListUsersRequest_Order } from "@org/contracts/user/v1";
import { type Command, Option } from "commander";
import { allUsers, userPage } from "../all-users.ts";
import { addExamples } from "./help.ts";
import type { ImportFormat } from "./import-rows.ts";
import { importUsers } from "./import-users.ts";
import { formatOption, wholeNumberOption } from "./options.ts";
import type { Session } from "./session.ts";
import { userView } from "./user-view.ts";

const orders = {
  oldest: ListUsersRequest_Order.ORDER_OLDEST_FIRST,
  newest: ListUsersRequest_Order.ORDER_NEWEST_FIRST,
} as const;

interface CreateOptions {
  readonly name: string;
  readonly email: string;
  readonly age: number;
  readonly requestId: string;
}

interface ListOptions {
  readonly pageSize?: number;
  readonly pageToken?: string;
  readonly order: keyof typeof orders;
  readonly all?: true;
}

const listNotes = `
Where more users follow, the token of the next page comes on stderr; with --json as an object:
{"nextPageToken": "..."}. A page token belongs to the order that it was given for.`;

const importNotes = `
CSV has a first line that names its columns: name, email, age (empty where it is not known) and
request_id (makes it safe to import the row again). NDJSON has one object a line, with the same names.

All users are created, or none: where rows are wrong, they are reported on stderr with their lines, and
the exit code is 1.`;

/** Adds `user get`, `user create`, `user list` and `user import`. */
export function addUserCommands(program: Command, open: () => Session): void {
  const user = program.command("user").description("read and create users");
  addExamples(user, "$ user list", "$ user import users.csv");

  const get = user
    .command("get")
    .description("show one user")
    .argument("<id>", "the user's id")
    .action(async (id: string) => {
      const session = open();
      await session.call("users", async (users) => {
        await session.output.item(
          await users.getUser({ userId: id }, session.callOptions),
          userView,
        );
      });
    });
  addExamples(get, "$ user get 0199a2c4-7d1e-7b3a-9c55-3f0d2b6a1e88");

  const create = user
    .command("create")
    .description("create a user, and show it")
    .requiredOption("--name <name>", "what the user is called")
    .requiredOption("--email <email>", "where the user receives mail")
    .option("--age <years>", "the user's age", wholeNumberOption(0), 0)
    .option("--request-id <id>", "makes it safe to repeat the command: one id, one user", "")
    .action(async (request: CreateOptions) => {
      const session = open();
      const { name, email, age, requestId } = request;
      await session.call("users", async (users) => {
        const created = await users.createUser(
          { name, email, age, requestId },
          session.callOptions,
        );
        await session.output.item(created, userView);
      });
    });
  addExamples(create, "$ user create --name Alice --email alice@example.com --age 30");

  const list = user
    .command("list")
    .description("list a page of users, or all of them")
    .option("--page-size <count>", "how many users a page has; 10 by default", wholeNumberOption(1))
    .option("--page-token <token>", "the page to begin with")
    .addOption(
      new Option("--order <order>", "which come first")
        .choices(Object.keys(orders))
        .default("oldest"),
    )
    .option("--all", "go on through all pages")
    .addHelpText("after", listNotes)
    .action(async (options: ListOptions) => {
      await listUsers(open(), options);
    });
  addExamples(
    list,
    "$ user list --order newest --page-size 20",
    "$ user list --all --json > users",
  );

  const load = user
    .command("import")
    .description("create all the users that a file holds")
    .argument("<file>", "a CSV or NDJSON file, or - for the standard input")
    .addOption(formatOption())
    .addHelpText("after", importNotes)
    .action(async (path: string, { format }: { format?: ImportFormat }) => {
      await importUsers(open(), path, format);
    });
  addExamples(load, "$ user import users.csv", "$ user import - --format ndjson < rows");
}

async function listUsers(session: Session, options: ListOptions): Promise<void> {
  const { output, callOptions } = session;
  const { pageSize, pageToken = "", all } = options;
  const order = orders[options.order];
  await session.call("users", async (users) => {
    if (all === true) {
      const size = pageSize === undefined ? {} : { pageSize };
      await output.list(allUsers(users, { order, pageToken, ...size, ...callOptions }), userView);
      return;
    }
    const page = userPage(users, { pageSize: pageSize ?? 0, pageToken, order }, callOptions);
    await output.list(page.users, userView);
    const nextPageToken = page.nextPageToken();
    if (nextPageToken === "") return;
    output.message(
      output.json
        ? JSON.stringify({ nextPageToken })
        : `More follow: --page-token ${nextPageToken}`,
    );
  });
}

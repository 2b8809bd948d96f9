import type { User } from "@org/contracts/user/v1";
import type { CallOptions } from "@org/kit/client";
import { userPage } from "../all-users.ts";
import type { Services } from "../connect.ts";
import type { Tour } from "./tour.ts";

/** How many users of a long list the tour names. */
const named = 10;

/** The same at each tour, so that it makes these three users only once. */
const requestIds = { alice: "tour-alice", bob: "tour-bob", carol: "tour-carol" } as const;

/** Goes through user-service's methods. */
export async function userTour(
  users: Services["users"],
  tour: Tour,
  options: CallOptions = {},
): Promise<void> {
  const alice = {
    name: "Alice",
    email: "alice@example.com",
    age: 30,
    requestId: requestIds.alice,
  };
  await tour.step("CreateUser Alice", "with a request_id, which makes it safe to send twice");
  const created = await users.createUser(alice, options);
  await tour.tell(inWords(created));
  const again = await users.createUser(alice, options);
  await tour.tell(`sent again: ${again.id === created.id ? "the same user" : again.id}`);

  await tour.step("GetUser nonexistent", "a status, and a reason that programs can read");
  const nobody = users.getUser({ userId: "nonexistent" }, options).then(inWords);
  await tour.tellAnswer(nobody, "USER_NOT_FOUND");

  await tour.step("BulkCreateUsers", "a stream of requests, one answer: all users or none");
  const { createdCount, userIds } = await users.bulkCreateUsers(
    [
      { name: "Bob", email: "bob@example.com", age: 25, requestId: requestIds.bob },
      { name: "Carol", email: "carol@example.com", age: 25, requestId: requestIds.carol },
    ],
    options,
  );
  await tour.tell(`${createdCount} users: ${userIds.join(", ")}`);

  await tour.step("ListUsers", "a page of up to 100 users");
  let count = 0;
  for await (const user of users.listUsers({ pageSize: 100 }, options)) {
    count += 1;
    if (count <= named) await tour.tell(inWords(user));
  }
  if (count > named) await tour.tell(`and ${count - named} more`);

  await tour.step("ListUsers", "two pages of two users; a trailer has the token of the next");
  let pageToken = "";
  for (let page = 1; page <= 2; page += 1) {
    const { users: found, nextPageToken } = userPage(users, { pageSize: 2, pageToken }, options);
    const names: string[] = [];
    for await (const { name } of found) names.push(name);
    pageToken = nextPageToken();
    await tour.tell(`page ${page}: ${names.join(", ")}; next-page-token: ${pageToken || "none"}`);
    if (pageToken === "") break;
  }
}

/** Without the address: the contract has it with `debug_redact`. */
function inWords({ id, name, age }: User): string {
  return `${id}  ${name}, ${age === 0 ? "age unknown" : age}`;
}

import { afterAll, beforeAll, describe } from "@jest/globals";
import { type AnyDatabase, databaseKinds, startDatabase } from "@org/database/testing";
import { abandonedBulkContract } from "./contract/abandoned-bulk.ts";
import { bulkCreateUsersContract } from "./contract/bulk-create-users.ts";
import { createUserContract } from "./contract/create-user.ts";
import { getUserContract } from "./contract/get-user.ts";
import { listUsersContract } from "./contract/list-users.ts";
import { wireContract } from "./contract/wire.ts";
import { startService, type TestService } from "./start-service.ts";

describe.each(databaseKinds)("org.user.v1.UserService, %s", (kind) => {
  let database: AnyDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await startDatabase(kind);
    service = await startService(database.config);
  });

  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function restart(): Promise<void> {
    await service[Symbol.asyncDispose]();
    service = await startService(database.config);
  }

  listUsersContract(() => service);
  getUserContract(() => service);
  createUserContract(() => service);
  abandonedBulkContract(() => service, restart);
  bulkCreateUsersContract(() => service);
  wireContract(() => service);
});

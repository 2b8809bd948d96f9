import { afterAll, beforeAll, describe } from "@jest/globals";
import { type AnyDatabase, databaseKinds, startDatabase } from "@org/database/testing";
import { getProductContract } from "./contract/get-product.ts";
import { importProductsContract } from "./contract/import-products.ts";
import { listProductsByCategoryContract } from "./contract/list-products-by-category.ts";
import { wireContract } from "./contract/wire.ts";
import { startService, type TestService } from "./start-service.ts";

describe.each(databaseKinds)("org.product.v1.ProductService, %s", (kind) => {
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

  getProductContract(() => service);
  listProductsByCategoryContract(() => service);
  importProductsContract(() => service);
  wireContract(() => service);
});

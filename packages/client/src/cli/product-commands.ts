import type { Command } from "commander";
import { addExamples } from "./help.ts";
import { importProducts } from "./import-products.ts";
import type { ImportFormat } from "./import-rows.ts";
import { formatOption } from "./options.ts";
import { productListView, productView } from "./product-view.ts";
import type { Session } from "./session.ts";

const importNotes = `
CSV has a first line that names its columns: id, name, description, category, price (such as 45.99),
currency (USD where it is empty) and delete (true deletes the row's product).

NDJSON has one object a line, with the same names; {"delete": "p001"}; or one of the contract's own
messages, as \`product list --json\` prints them: a Product or an ImportProductsRequest.

Every row is tried. Rows that cannot be read or that the service rejects are reported on stderr with
their line, and make the exit code 1. To import a file again is safe: rows that are already so are
unchanged.`;

/** Adds `product get`, `product list` and `product import`. */
export function addProductCommands(program: Command, open: () => Session): void {
  const product = program.command("product").description("read and import products");
  addExamples(product, "$ product get p001", "$ product import products.csv");

  const get = product
    .command("get")
    .description("show one product")
    .argument("<id>", "the product's id")
    .action(async (id: string) => {
      const session = open();
      await session.call("products", async (products) => {
        const found = await products.getProduct({ productId: id }, session.callOptions);
        await session.output.item(found, productView);
      });
    });
  addExamples(get, "$ product get p001");

  const list = product
    .command("list")
    .description("list the products of a category")
    .argument("<category>", "the category, exactly as the products have it")
    .action(async (category: string) => {
      const session = open();
      await session.call("products", async (products) => {
        const found = products.listProductsByCategory({ category }, session.callOptions);
        await session.output.list(found, productListView);
      });
    });
  addExamples(list, "$ product list Electronics", "$ product list Electronics --json | head -n 3");

  const load = product
    .command("import")
    .description("create, update and delete the products that a file holds")
    .argument("<file>", "a CSV or NDJSON file, or - for the standard input")
    .addOption(formatOption())
    .addHelpText("after", importNotes)
    .action(async (path: string, { format }: { format?: ImportFormat }) => {
      await importProducts(open(), path, format);
    });
  addExamples(load, "$ product import products.csv", "$ product import - --format ndjson < rows");
}

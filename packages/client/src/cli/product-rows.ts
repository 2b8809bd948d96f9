import { toBinary } from "@bufbuild/protobuf";
import {
  ImportProductsRequest,
  type ImportProductsRequest as Request,
  Product,
} from "@org/contracts/product/v1";
import type { Violation } from "@org/kit/client";
import { AmountError, parseMoney } from "../money.ts";
import { contractMessage, contractRegistry } from "./contract.ts";
import { messageFromJson } from "./message-json.ts";
import { parseJson } from "./parse-json.ts";
import { type Row, RowReader } from "./row.ts";
import { UsageError } from "./usage-error.ts";

/** The columns of a file of products. */
export const productColumns = [
  "id",
  "name",
  "description",
  "category",
  "price",
  "currency",
  "delete",
] as const;

const requestKeys = ["sequence", "upsert", "deleteProductId", "delete_product_id"] as const;
const productKeys = ["unitPrice", "unit_price"] as const;

/** What NDJSON can have besides: the keys of the contract's own messages. */
export const productKeysOfContract: readonly string[] = [...requestKeys, ...productKeys];

/**
 * The request that a row makes, numbered by the row's line, or what is wrong with the row. NDJSON can
 * also hold an ImportProductsRequest or a Product, in the contract's own JSON form.
 */
export function toImportRequest(row: Row): Request | readonly Violation[] {
  const sequence = BigInt(row.line);
  const { json, values } = row;
  if (json !== undefined && requestKeys.some((key) => values.has(key))) {
    const bytes = messageBytes("org.product.v1.ImportProductsRequest", json);
    return bytes instanceof Uint8Array
      ? { ...ImportProductsRequest.decode(bytes), sequence }
      : bytes;
  }
  if (json !== undefined && productKeys.some((key) => values.has(key))) {
    const bytes = messageBytes("org.product.v1.Product", json);
    if (!(bytes instanceof Uint8Array)) return bytes;
    return { sequence, operation: { $case: "upsert", value: Product.decode(bytes) } };
  }
  const reader = new RowReader(row);
  const operation = operationOf(reader);
  return reader.violations.length > 0 ? reader.violations : { sequence, operation };
}

function operationOf(row: RowReader): Request["operation"] {
  const id = row.text("id");
  const deleted = deletedId(row, id);
  if (deleted !== undefined) return { $case: "deleteProductId", value: deleted };
  const product = {
    id,
    name: row.text("name"),
    description: row.text("description"),
    // The service ignores it in favour of the exact price.
    price: 0,
    category: row.text("category"),
    unitPrice: priceOf(row),
  };
  return { $case: "upsert", value: product };
}

/** The product to delete: the row's own where `delete` is true, or the one that `delete` names. */
function deletedId(row: RowReader, id: string): string | undefined {
  const value = row.raw("delete") ?? "";
  const said = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (said === "" || said === "false" || said === false) return undefined;
  if (said === "true" || said === true) return id;
  if (id === "" && typeof value === "string") return value;
  row.refuse("delete", "must be true or false, or without an id the id of what to delete");
  return undefined;
}

function priceOf(row: RowReader): Product["unitPrice"] {
  const price = row.number("price");
  const currency = row.text("currency").trim();
  // Without a price, the service says so, together with all else that is wrong.
  if (price === "") return undefined;
  try {
    return parseMoney(price, currency === "" ? "USD" : currency);
  } catch (error) {
    if (!(error instanceof AmountError)) throw error;
    row.refuse("price", `${error.message}; is ${shortened(price)}`);
    return undefined;
  }
}

function messageBytes(typeName: string, json: string): Uint8Array | readonly Violation[] {
  const desc = contractMessage(typeName);
  try {
    return toBinary(desc, messageFromJson(desc, parseJson(json, "the row"), contractRegistry()));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [{ field: "row", description: error.message }];
  }
}

function shortened(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import {
  ImportProductsRequest,
  ImportProductsResponse,
  ProductServiceDefinition,
} from "@org/contracts/product/v1";
import { Code, createChannel, createClient } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { gather, outcomesOf, product, upsert, violationsOf } from "./messages.ts";

/** What a client in another language, of another version or of bad will can send. */
export function wireContract(service: () => TestService): void {
  describe("on the wire", () => {
    const bytes = (message: Buffer): Buffer => message;

    /** Calls a method with that many bytes for messages, whatever its kind; its answers and its status. */
    function send(
      method: string,
      ...messages: readonly Uint8Array[]
    ): Promise<{ code: Code; answers: Buffer[] }> {
      const client = new Client(service().server.target, credentials.createInsecure());
      const { promise, resolve } = Promise.withResolvers<{ code: Code; answers: Buffer[] }>();
      const answers: Buffer[] = [];
      const path = `/${ProductServiceDefinition.fullName}/${method}`;
      const call = client.makeBidiStreamRequest(path, bytes, bytes);
      call.on("data", (answer: Buffer) => answers.push(answer));
      call.on("end", () => undefined);
      call.on("error", (error: ServiceError) => {
        resolve({ code: error.code, answers });
      });
      call.on("status", ({ code }: { code: Code }) => {
        resolve({ code, answers });
      });
      for (const message of messages) call.write(Buffer.from(message));
      call.end();
      return promise.finally(() => {
        client.close();
      });
    }

    test("a request without a message is refused", async () => {
      for (const method of ["GetProduct", "ListProductsByCategory"]) {
        expect(await send(method)).toEqual({ code: Code.UNIMPLEMENTED, answers: [] });
      }
      expect(await send("ImportProducts")).toEqual({ code: Code.OK, answers: [] });
    });

    test("a message that cannot be read ends the call, and only that", async () => {
      const nonsense = Buffer.from([0x0a, 0xff]);
      for (const method of ["GetProduct", "ListProductsByCategory", "ImportProducts"]) {
        expect(await send(method, nonsense)).toEqual({ code: Code.INTERNAL, answers: [] });
      }
      expect(await service().products.getProduct({ productId: "p001" })).toMatchObject({
        id: "p001",
      });
    });

    test("fields of a later version are passed over, an operation of a later version is rejected", async () => {
      const later = Buffer.from([0xf2, 0x06, 0x01, 0x78]); // Field 110: "x".
      const { code, answers } = await send(
        "ImportProducts",
        Buffer.concat([encode(1n, { $case: "upsert", value: product() }), later]),
        Buffer.concat([encode(2n, undefined), later]),
      );
      expect(code).toBe(Code.OK);
      const decoded = answers.map((answer) => ImportProductsResponse.decode(answer));
      expect(outcomesOf(decoded)).toEqual(["created", "rejected"]);
      expect(violationsOf(decoded[1])).toEqual([
        { field: "operation", description: "must be one of upsert, delete_product_id" },
      ]);
    });

    test("of two operations in one request, the last is done", async () => {
      const { id } = product();
      const both = Buffer.concat([
        encode(1n, { $case: "deleteProductId", value: "p001" }),
        encode(2n, { $case: "upsert", value: product({ id }) }),
      ]);
      const { answers } = await send("ImportProducts", both);
      const decoded = answers.map((answer) => ImportProductsResponse.decode(answer));
      expect(outcomesOf(decoded)).toEqual(["created"]);
      expect(await service().products.getProduct({ productId: "p001" })).toMatchObject({
        id: "p001",
      });
    });

    test("a message above 256 KiB is refused, one below is not", async () => {
      const channel = createChannel({
        target: service().server.target,
        services: [ProductServiceDefinition],
      });
      const client = createClient(ProductServiceDefinition, { channel });
      const description = "d".repeat(2 ** 18);
      await expect(
        gather(client.importProducts([upsert(product({ description }))])),
      ).rejects.toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
      await expect(client.getProduct({ productId: description })).rejects.toMatchObject({
        code: Code.RESOURCE_EXHAUSTED,
      });
      const almost = description.slice(1_000);
      const answers = await gather(
        client.importProducts([upsert(product({ description: almost }))]),
      );
      expect(outcomesOf(answers)).toEqual(["rejected"]);
      channel.close();
    });

    test("the former name of the service answers all its methods", async () => {
      const { channel } = service();
      const former = createClient(ProductServiceDefinition, {
        channel,
        serviceName: "product.ProductService",
      });
      const given = product({ category: "Former" });
      expect(outcomesOf(await gather(former.importProducts([upsert(given)])))).toEqual(["created"]);
      expect(await former.getProduct({ productId: given.id })).toEqual(given);
      expect(await gather(former.listProductsByCategory({ category: "Former" }))).toEqual([given]);
      await expect(former.getProduct({ productId: "p005" })).rejects.toMatchObject({
        code: Code.NOT_FOUND,
        reason: "PRODUCT_NOT_FOUND",
      });
    });
  });
}

function encode(sequence: bigint, operation: ImportProductsRequest["operation"]): Uint8Array {
  return ImportProductsRequest.encode({ sequence, operation }).finish();
}

/**
 * The contract as protobuf-es describes it: what its generated code has, whose messages are made by the same functions
 * from the same descriptors. The types are written by hand, as far as the benches need them.
 */
import {
  createFileRegistry,
  type DescMessage,
  type DescService,
  fromBinary,
  type Message,
} from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "@org/contracts/descriptor";
import type { Product as TsProtoProduct } from "@org/contracts/product/v1";

type Product = Message<"org.product.v1.Product"> & TsProtoProduct;
type GetProductRequest = Message<"org.product.v1.GetProductRequest"> & { productId: string };
type ListRequest = Message<"org.product.v1.ListProductsByCategoryRequest"> & { category: string };
type ImportRequest = Message<"org.product.v1.ImportProductsRequest"> & { sequence: bigint };
type ImportResponse = Message<"org.product.v1.ImportProductsResponse"> & {
  sequence: bigint;
  outcome: number;
};
type CreateUserRequest = Message<"org.user.v1.CreateUserRequest"> & { name: string };
type BulkResponse = Message<"org.user.v1.BulkCreateUsersResponse"> & { createdCount: number };

type ProductService = GenService<{
  getProduct: {
    methodKind: "unary";
    input: GenMessage<GetProductRequest>;
    output: GenMessage<Product>;
  };
  listProductsByCategory: {
    methodKind: "server_streaming";
    input: GenMessage<ListRequest>;
    output: GenMessage<Product>;
  };
  importProducts: {
    methodKind: "bidi_streaming";
    input: GenMessage<ImportRequest>;
    output: GenMessage<ImportResponse>;
  };
}>;

type UserService = GenService<{
  bulkCreateUsers: {
    methodKind: "client_streaming";
    input: GenMessage<CreateUserRequest>;
    output: GenMessage<BulkResponse>;
  };
}>;

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));

function service(name: string): DescService {
  const found = registry.getService(name);
  if (found === undefined) throw new Error(`the contract has no service ${name}`);
  return found;
}

function message(name: string): DescMessage {
  const found = registry.getMessage(name);
  if (found === undefined) throw new Error(`the contract has no message ${name}`);
  return found;
}

/* oxlint-disable typescript/no-unsafe-type-assertion -- As generated code does: nothing else knows what a descriptor describes. */
export const productService: ProductService = service(
  "org.product.v1.ProductService",
) as ProductService;
export const userService: UserService = service("org.user.v1.UserService") as UserService;
export const productSchema: GenMessage<Product> = message(
  "org.product.v1.Product",
) as GenMessage<Product>;
/* oxlint-enable typescript/no-unsafe-type-assertion */

export type { Product as ConnectProduct };

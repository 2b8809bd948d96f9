"""A client of the former product service: product_client.py <target>. Prints one JSON value a line."""

import json
import sys

import grpc
import product_pb2
import product_pb2_grpc


def show(step, **found):
    print(json.dumps({"step": step, **found}))


def run(target):
    with grpc.insecure_channel(target) as channel:
        stub = product_pb2_grpc.ProductServiceStub(channel)

        product = stub.GetProduct(product_pb2.GetProductRequest(product_id="p001"))
        show("found", name=product.name, price=product.price)

        try:
            product = stub.GetProduct(product_pb2.GetProductRequest(product_id="p999"))
            show("found", name=product.name, price=product.price)
        except grpc.RpcError as error:
            show("not found", code=error.code().name, details=error.details())

        electronics = product_pb2.ListProductsByCategoryRequest(category="Electronics")
        for product in stub.ListProductsByCategory(electronics):
            show("received", id=product.id, name=product.name)
        show("finished")


if __name__ == "__main__":
    run(sys.argv[1])

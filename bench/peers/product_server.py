"""GetProduct on grpcio, as the Python service that the contract comes from answers it: a pool of ten threads, and the
products in a list. It prints its port, and no line for each call."""

import sys
from concurrent import futures

import grpc
import product_pb2
import product_pb2_grpc

PRODUCTS = [
    product_pb2.Product(
        id="p001",
        name="Laptop Pro X",
        description="A laptop for people who carry it all day",
        price=1299.99,
        category="Electronics",
    ),
]


class ProductService(product_pb2_grpc.ProductServiceServicer):
    def GetProduct(self, request, context):
        for product in PRODUCTS:
            if product.id == request.product_id:
                return product
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details(f"Product with ID '{request.product_id}' not found.")
        return product_pb2.Product()


server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
product_pb2_grpc.add_ProductServiceServicer_to_server(ProductService(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
# Its parent ends it, or is gone.
sys.stdin.read()

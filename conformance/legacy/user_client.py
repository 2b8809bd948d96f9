"""A client of the former user service: user_client.py <target>. Prints one JSON value a line."""

import json
import sys

import grpc
import user_service_pb2
import user_service_pb2_grpc


def show(step, **found):
    print(json.dumps({"step": step, **found}))


def new_users():
    for name, email in [("Bob", "bob@example.com"), ("Carol", "carol@example.com")]:
        yield user_service_pb2.CreateUserRequest(name=name, email=email, age=25)


def run(target):
    with grpc.insecure_channel(target, options=[("grpc.enable_retries", 1)]) as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)

        user = stub.CreateUser(
            user_service_pb2.CreateUserRequest(name="Alice", email="alice@example.com", age=30)
        )
        show("created", id=user.id, name=user.name, age=user.age, created_at=user.created_at)

        try:
            user = stub.GetUser(user_service_pb2.GetUserRequest(user_id="nonexistent"))
            show("found", id=user.id)
        except grpc.RpcError as error:
            show("error", code=error.code().name, details=error.details())

        for user in stub.ListUsers(user_service_pb2.ListUsersRequest(page_size=100)):
            show("listed", id=user.id, name=user.name, email=user.email)

        result = stub.BulkCreateUsers(new_users())
        show("bulk created", count=result.created_count, ids=list(result.user_ids))


if __name__ == "__main__":
    run(sys.argv[1])

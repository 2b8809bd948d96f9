"""Like user_client.py, on asyncio: user_client_aio.py <target>. Prints one JSON value a line."""

import asyncio
import json
import sys

import grpc.aio
import user_service_pb2
import user_service_pb2_grpc


def show(step, **found):
    print(json.dumps({"step": step, **found}))


async def run(target):
    async with grpc.aio.insecure_channel(target) as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)

        user = await stub.CreateUser(
            user_service_pb2.CreateUserRequest(name="Dave", email="dave@example.com", age=28)
        )
        show("created", id=user.id, name=user.name)

        async for user in stub.ListUsers(user_service_pb2.ListUsersRequest(page_size=50)):
            show("listed", id=user.id, name=user.name)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))

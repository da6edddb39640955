"""The usual FastAPI app on Lambda, the shortest way: a loop that calls it in this process.

The minimum that streams to a Function URL from Python: no web server to import, no adapter to
start, no deadline, errors, trailers or other events. What people really run, uvicorn behind the
Lambda Web Adapter, has more to start.
"""

import asyncio
import http.client
import json
import os
from collections.abc import MutableMapping
from typing import Any

from typed_stream import app

INVOCATION = "/2018-06-01/runtime/invocation"


async def respond(connection: http.client.HTTPConnection, event: dict[str, Any]) -> None:
    body = event["body"].encode()
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    prelude = b""

    async def receive() -> MutableMapping[str, Any]:
        if incoming:
            return incoming.pop()
        await asyncio.Event().wait()  # the client of a Lambda function never leaves
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal prelude
        if message["type"] == "http.response.start":
            headers = {name.decode(): value.decode() for name, value in message["headers"]}
            head = {"statusCode": message["status"], "headers": headers}
            prelude = json.dumps(head).encode() + b"\0" * 8
        elif data := prelude + message["body"]:
            prelude = b""
            connection.send(b"%x\r\n%b\r\n" % (len(data), data))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": event["requestContext"]["http"]["method"],
        "scheme": "https",
        "path": event["rawPath"],
        "raw_path": event["rawPath"].encode(),
        "root_path": "",
        "query_string": event["rawQueryString"].encode(),
        "headers": [(name.encode(), value.encode()) for name, value in event["headers"].items()],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 443),
    }
    await app(scope, receive, send)
    connection.send(b"0\r\n\r\n")


async def serve() -> None:
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    while True:
        connection = http.client.HTTPConnection(address)
        connection.request("GET", f"{INVOCATION}/next")
        response = connection.getresponse()
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.loads(response.read())
        connection.putrequest("POST", f"{INVOCATION}/{request_id}/response")
        connection.putheader("Content-Type", "application/vnd.awslambda.http-integration-response")
        connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        await respond(connection, event)
        connection.getresponse().read()
        connection.close()


asyncio.run(serve())
